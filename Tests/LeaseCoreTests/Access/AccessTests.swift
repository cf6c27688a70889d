import LeaseCore
import TestSupport
import Testing

@Suite struct AccessTests {
    private static func rule(
        _ effect: AccessRule.Effect,
        _ subject: AccessRule.Subject = .everyone,
        _ rights: Set<AccessRight> = [.acquire],
        on prefix: String = ""
    ) -> AccessRule {
        AccessRule(effect, subject, rights, prefix: Array(prefix.utf8), label: "\(effect) \(prefix)")
    }

    private func caller(_ rules: [AccessRule], isAdministrator: Bool = false) -> Caller {
        Caller(
            uid: 1000,
            gid: 100,
            pid: 1,
            isAdministrator: isAdministrator,
            access: Access(rules, uid: 1000, groups: [100, 27])
        )
    }

    private func error(_ body: () throws -> Void) -> LeaseError? {
        #expect(throws: LeaseError.self, performing: body)
    }

    @Test func withoutRulesAllIsAllowedButToAdminister() throws {
        for right in AccessRight.allCases {
            let verdict = Access.unrestricted.verdict(on: right, name: Array("a".utf8))
            #expect(verdict == (right == .admin ? .denied(nil) : .allowed))
            #expect(Access.unrestricted.verdict(on: right, allNamesUnder: []) == verdict)
        }
    }

    @Test func theFirstRuleThatSpeaksOfItDecides() {
        let allow = Self.rule(.allow, on: "deploy/web")
        let deny = Self.rule(.deny, on: "deploy/")
        func verdict(_ rules: [AccessRule], _ name: String, _ right: AccessRight = .acquire) -> Access.Verdict {
            Access(rules).verdict(on: right, name: Array(name.utf8))
        }
        #expect(verdict([allow, deny], "deploy/web1") == .allowed)
        #expect(verdict([allow, deny], "deploy/we") == .denied(deny))
        #expect(verdict([deny, allow], "deploy/web1") == .denied(deny))
        #expect(verdict([deny], "deploy") == .allowed)
        #expect(verdict([deny], "deploy/x", .read) == .allowed)
    }

    @Test func rulesAreAboutEveryoneAUserOrAGroup() {
        for (subject, isMeant) in [
            (AccessRule.Subject.everyone, true), (.user(1000), true), (.user(1001), false), (.group(100), true),
            (.group(27), true), (.group(28), false),
        ] {
            let rule = Self.rule(.deny, subject)
            let access = Access([rule], uid: 1000, groups: [100, 27])
            #expect(access.verdict(on: .acquire, name: [1]) == (isMeant ? .denied(rule) : .allowed), "\(subject)")
        }
    }

    /// Names of up to four letters from an alphabet of two are all that rules with prefixes of up to three can tell
    /// apart.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func aListIsAllowedOnlyIfEveryNameThatCouldBeInItIs(seed: UInt64) {
        func words(_ length: Int) -> [[UInt8]] {
            length == 0 ? [[]] : words(length - 1).flatMap { [$0 + [0], $0 + [255]] }
        }
        let prefixes = (0...3).flatMap(words)
        var verdicts: [Bool: Int] = [:]
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            let rules = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                AccessRule(
                    Bool.random(using: &random) ? .allow : .deny,
                    .everyone,
                    Bool.random(using: &random) ? [.read, .write] : [.read],
                    prefix: prefixes.randomElement(using: &random) ?? [],
                    label: ""
                )
            }
            let access = Access(rules)
            for prefix in (0...2).flatMap(words) {
                let names = words(4).filter { $0.starts(with: prefix) }
                let areAllAllowed = names.allSatisfy { access.verdict(on: .read, name: $0) == .allowed }
                let isAllowed = access.verdict(on: .read, allNamesUnder: prefix) == .allowed
                verdicts[isAllowed, default: 0] += 1
                // A list that two rules allow only in parts, each before a denial of everything, is denied to be safe.
                #expect(!isAllowed || areAllAllowed, "\(rules) \(prefix)")
                if areAllAllowed, !isAllowed {
                    #expect(rules.filter { $0.effect == .allow }.count >= 2, "\(rules) \(prefix)")
                }
            }
        }
        #expect(verdicts.count == 2)
    }

    @Test func aRefusalNamesTheRuleTheUserAndTheName() throws {
        let name = try LeaseName("deploy/\u{7}")
        let deny = AccessRule(.deny, .everyone, [.acquire], prefix: [], label: "rule 3, 'deny everyone acquire'")
        #expect(
            error { try caller([deny]).permit(.acquire, on: name) }
                == LeaseError(
                    .denied,
                    #"uid 1000 may not acquire 'deploy/\x07' by access rule 3, 'deny everyone acquire'; ask an administrator"#
                )
        )
        let unreadable = Self.rule(.deny, .everyone, [.read], on: "a")
        #expect(
            error { try caller([unreadable]).permit(.read, onAllUnder: []) }?.message
                == "uid 1000 may not read all names by access deny a; ask an administrator"
        )
        #expect(
            error { try caller([unreadable]).permit(.read, onAllUnder: [0x61, 0]) }?.message
                == #"uid 1000 may not read all names that begin with 'a\x00' by access deny a; ask an administrator"#
        )
    }

    @Test func eitherOfTwoRightsWillDo() throws {
        let name = try LeaseName("a")
        let noReading = Self.rule(.deny, .everyone, [.read])
        try caller([noReading]).permit(.read, or: .acquire, on: name)
        try caller([noReading]).permit(.read, or: .acquire, onAllUnder: [])
        let neither = Self.rule(.deny, .everyone, [.read, .acquire])
        #expect(error { try caller([neither]).permit(.read, or: .acquire, on: name) }?.code == .denied)
        #expect(error { try caller([neither]).permit(.read, or: .acquire, onAllUnder: []) }?.code == .denied)
    }

    @Test func noRuleLocksAnAdministratorOut() throws {
        let deny = Self.rule(.deny, .everyone, Set(AccessRight.allCases))
        for right in AccessRight.allCases {
            try caller([deny], isAdministrator: true).permit(right, on: LeaseName("a"))
            try caller([deny], isAdministrator: true).permit(right, onAllUnder: [])
        }
    }

    // MARK: - The rules of leases

    private func decide(_ request: LeaseRequest, by caller: Caller, on tenure: Tenure? = nil) throws -> LeaseError.Code?
    {
        var tokens = TokenSequence()
        let decision = LeaseRules.decide(
            request,
            on: try LeaseName("a"),
            tenure: tenure,
            by: caller,
            now: moment(),
            tokens: &tokens
        )
        guard case .failure(let error) = decision.answer else { return nil }
        return error.code
    }

    private func tenure(ofUser uid: UInt32, request: RequestRecord? = nil) throws -> Tenure {
        Tenure(
            fence: token(5),
            token: token(5),
            holder: Holder(uid: uid, gid: 1, pid: 1, owner: .empty),
            ttl: try TTL(.seconds(30)),
            deadline: moment(30_000_000_000),
            acquiredAt: moment().wall,
            renewals: 0,
            request: request,
            revocation: nil,
            isExtended: false
        )
    }

    @Test func acquiringNeedsTheRightAlsoWhereTheLeaseIsHeldOrTheRequestRepeats() throws {
        let denied = caller([Self.rule(.deny)])
        let acquire = LeaseRequest.acquire(ttl: try TTL(.seconds(9)), owner: .empty, request: nil)
        #expect(try decide(acquire, by: denied) == .denied)
        #expect(try decide(acquire, by: denied, on: try tenure(ofUser: 7)) == .denied)
        #expect(try decide(acquire, by: caller([]), on: try tenure(ofUser: 7)) == .conflict)
        // The grant stays granted: only its reply was lost before the rule came.
        let id = RequestID.random()
        let record = RequestRecord(id: id, verb: .acquire, uid: 1000, replaced: nil)
        let repeated = LeaseRequest.acquire(ttl: try TTL(.seconds(9)), owner: .empty, request: id)
        #expect(try decide(repeated, by: denied, on: try tenure(ofUser: 1000, request: record)) == nil)
    }

    @Test func aHolderKeepsWhatItWasGranted() throws {
        let denied = caller([Self.rule(.deny, .everyone, Set(AccessRight.allCases))])
        let ttl = try TTL(.seconds(9))
        let requests: [LeaseRequest] = [
            .renew(token: token(5), ttl: ttl, request: nil), .tie(token: token(5)), .release(token: token(5)),
            .check(token: token(5)), .holder, .revoke(after: nil, reason: .empty),
        ]
        for request in requests {
            #expect(try decide(request, by: denied, on: try tenure(ofUser: 1000)) == nil, "\(request)")
        }
    }

    @Test func othersTenuresNeedTheRightToAdminister() throws {
        let ttl = try TTL(.seconds(9))
        let allowed = caller([Self.rule(.allow, .everyone, [.admin], on: "a")])
        let elsewhere = caller([Self.rule(.allow, .everyone, [.admin], on: "b")])
        for request: LeaseRequest in [
            .renew(token: token(5), ttl: ttl, request: nil), .tie(token: token(5)), .release(token: token(5)),
            .revoke(after: nil, reason: .empty),
        ] {
            #expect(try decide(request, by: allowed, on: try tenure(ofUser: 7)) == nil, "\(request)")
            #expect(try decide(request, by: elsewhere, on: try tenure(ofUser: 7)) == .denied, "\(request)")
        }
    }

    @Test func holdersAreSeenWithTheRightToReadOrToAcquire() throws {
        let held = try tenure(ofUser: 7)
        #expect(try decide(.holder, by: caller([Self.rule(.deny, .everyone, [.read])]), on: held) == nil)
        #expect(try decide(.holder, by: caller([Self.rule(.deny)]), on: held) == nil)
        let neither = caller([Self.rule(.deny, .everyone, [.read, .acquire])])
        #expect(try decide(.holder, by: neither, on: held) == .denied)
        #expect(try decide(.holder, by: neither) == .denied, "whether a lease is free is to be read, too")
        #expect(try decide(.check(token: token(5)), by: neither, on: held) == nil, "CHECK is open to all")
    }
}
