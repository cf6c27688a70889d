import LeaseCore
import Testing

@Suite struct LeaseRulesTests {
    private let name: LeaseName
    private let recorded = RequestID.random()
    private let another = RequestID.random()
    private let now = moment()

    init() throws {
        name = try LeaseName("nightly")
    }

    // MARK: - Every small case

    @Test func everyCaseIsDecidedAsTheProtocolSays() throws {
        var verdicts: [String: Int] = [:]
        for example in RuleCase.all {
            let before = try tenure(of: example)
            var tokens = TokenSequence(last: token(2000))
            let decision = try decide(example, on: before, tokens: &tokens)
            let expected = example.verdict
            verdicts["\(expected.change) \(expected.answer)", default: 0] += 1

            #expect(decision.ended?.cause == expected.endedBefore, "\(example)")
            #expect(answer(of: decision, before: before, tokens: tokens) == expected.answer, "\(example)")
            var after = decision.ended == nil ? before : nil
            if let event = decision.event {
                #expect(event.apply(to: &after), "\(example)")
            }
            try expect(after, follows: expected, example, from: decision.ended == nil ? before : nil)
            let isIssued = expected.answer == .freshToken
            #expect(tokens.last == (isIssued ? token(now.wall.microseconds) : token(2000)), "\(example)")
        }
        // The cases reach every kind of outcome.
        #expect(verdicts.count > 25)
    }

    private func tenure(of example: RuleCase) throws -> Tenure? {
        guard let deadline = example.deadline else { return nil }
        let record: RequestRecord? =
            switch example.record {
            case .none: nil
            case .acquiredByOwner: RequestRecord(id: recorded, verb: .acquire, uid: 1000, replaced: nil)
            case .renewedByOwner:
                RequestRecord(id: recorded, verb: .renew, uid: 1000, replaced: token(RuleCase.replaced))
            case .renewedByAdministrator:
                RequestRecord(id: recorded, verb: .renew, uid: 0, replaced: token(RuleCase.replaced))
            }
        return Tenure(
            fence: token(RuleCase.fence),
            token: token(example.newest),
            holder: Holder(uid: 1000, gid: 100, pid: 42, owner: try Label("cron")),
            ttl: try TTL(.seconds(30)),
            deadline: moment(deadline),
            acquiredAt: WallInstant(microseconds: 77),
            renewals: example.isRenewed ? 2 : 0,
            request: record,
            revocation: try example.revocation.map { Revocation(end: moment($0), reason: try Label("stop")) },
            isExtended: true,
            attachment: example.attachment,
            isOverdueNoted: example.attachment == .tied && deadline <= 0
        )
    }

    private func decide(_ example: RuleCase, on tenure: Tenure?, tokens: inout TokenSequence) throws -> Decision {
        let id: RequestID? =
            switch example.id {
            case .none: nil
            case .recorded: recorded
            case .another: another
            }
        let brought = token(example.number)
        let request: LeaseRequest =
            switch example.ask {
            case .acquire: .acquire(ttl: try TTL(.seconds(45)), owner: try Label("me"), request: id)
            case .acquireBound:
                .acquire(ttl: try TTL(.seconds(45)), owner: try Label("me"), request: id, binds: true)
            case .renew: .renew(token: brought, ttl: try TTL(.seconds(45)), request: id)
            case .renewBound: .renew(token: brought, ttl: try TTL(.seconds(45)), request: id, binding: .bind)
            case .renewUnbound: .renew(token: brought, ttl: try TTL(.seconds(45)), request: id, binding: .unbind)
            case .tie: .tie(token: brought)
            case .lose: .lose(fence: brought)
            case .release: .release(token: brought)
            case .check: .check(token: brought)
            case .holder: .holder
            case .revokeNow: .revoke(after: nil, reason: try Label("go"))
            case .revokeAfterZero: .revoke(after: .zero, reason: try Label("go"))
            case .revokeLater: .revoke(after: .seconds(7), reason: try Label("go"))
            }
        let caller = Caller(uid: example.uid, gid: 9, pid: 99, isAdministrator: example.isAdministrator)
        return LeaseRules.decide(request, on: name, tenure: tenure, by: caller, now: now, tokens: &tokens)
    }

    private func answer(of decision: Decision, before: Tenure?, tokens: TokenSequence) -> RuleVerdict.Answer? {
        switch decision.answer {
        case .failure(let error): .refused(error.code)
        case .success(.token(let answered)):
            answered == tokens.last ? .freshToken : .sameToken(answered.rawValue)
        case .success(.released): .released
        case .success(.remaining(let left)): .nanosecondsLeft(left.wholeNanoseconds)
        case .success(.tenure(let held)):
            held == nil || held == before ? .held(held != nil) : nil
        case .success(.revoked(let wasHeld)): .revoked(wasHeld)
        case .success(.tied): .tied
        case .success(.lost(let wasHeld)): .lost(wasHeld)
        }
    }

    private func expect(
        _ after: Tenure?,
        follows verdict: RuleVerdict,
        _ example: RuleCase,
        from before: Tenure?
    ) throws {
        let id: RequestID? = example.id == .none ? nil : example.id == .recorded ? recorded : another
        let fresh = token(now.wall.microseconds)
        let deadline = now.advanced(by: .seconds(45))
        let ttl = try TTL(.seconds(45))
        switch verdict.change {
        case .nothing:
            #expect(after == before, "\(example)")
        case .attached(let attachment):
            let before = try #require(before)
            #expect(after == before.with(attachment), "\(example)")
        case .released, .revoked, .lost:
            #expect(after == nil, "\(example)")
        case .granted(let attachment):
            let record = id.map { RequestRecord(id: $0, verb: .acquire, uid: example.uid, replaced: nil) }
            let granted = Tenure(
                fence: fresh,
                token: fresh,
                holder: Holder(uid: example.uid, gid: 9, pid: 99, owner: try Label("me")),
                ttl: ttl,
                deadline: deadline,
                acquiredAt: now.wall,
                renewals: 0,
                request: record,
                revocation: nil,
                isExtended: false,
                attachment: attachment
            )
            #expect(after == granted, "\(example)")
        case .renewed(let attachment):
            let before = try #require(before)
            let record = id.map {
                RequestRecord(id: $0, verb: .renew, uid: example.uid, replaced: token(example.number))
            }
            let renewed = Tenure(
                fence: before.fence,
                token: fresh,
                holder: before.holder,
                ttl: ttl,
                deadline: deadline,
                acquiredAt: before.acquiredAt,
                renewals: before.renewals + 1,
                request: record,
                revocation: nil,
                isExtended: false,
                attachment: attachment
            )
            #expect(after == renewed, "\(example)")
        case .revoking(let seconds):
            #expect(after?.revocation?.end == now.advanced(by: .seconds(seconds)), "\(example)")
            #expect(after?.revocation?.reason == (try Label("go")), "\(example)")
            #expect(after?.token == before?.token && after?.deadline == before?.deadline, "\(example)")
            #expect(after?.attachment == before?.attachment, "\(example)")
        }
    }

    // MARK: - Stories

    private let owner = Caller(uid: 1000, gid: 100, pid: 42, isAdministrator: false)

    private func step(
        _ request: LeaseRequest,
        _ lease: inout Tenure?,
        _ tokens: inout TokenSequence,
        at now: Moment
    ) throws -> Result<LeaseAnswer, LeaseError> {
        let decision = LeaseRules.decide(request, on: name, tenure: lease, by: owner, now: now, tokens: &tokens)
        if let ended = decision.ended {
            #expect(TenureEvent.ended(ended).apply(to: &lease))
        }
        if let event = decision.event {
            #expect(event.apply(to: &lease))
        }
        return decision.answer
    }

    @Test func ofTwoWhoRenewWithTheSameTokenOneWins() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        let acquired = try step(.acquire(ttl: .min, owner: .empty, request: nil), &lease, &tokens, at: now)
        guard case .success(.token(let first)) = acquired else { throw LeaseError(.ioError, "\(acquired)") }
        let won = try step(.renew(token: first, ttl: .max, request: nil), &lease, &tokens, at: now)
        let lost = try step(.renew(token: first, ttl: .max, request: nil), &lease, &tokens, at: now)
        #expect(won == .success(.token(token(first.rawValue + 1))))
        #expect(throws: LeaseError.self) { try lost.get() }
        #expect(lease?.token == token(first.rawValue + 1))
        #expect(lease?.fence == first)
        #expect(lease?.renewals == 1)
    }

    @Test func aRenewalAtTheDeadlineIsTooLateAndOneNanosecondBeforeIsNot() throws {
        for (late, isRenewed) in [(-1, true), (0, false)] as [(Int64, Bool)] {
            var lease: Tenure?
            var tokens = TokenSequence()
            _ = try step(.acquire(ttl: .min, owner: .empty, request: nil), &lease, &tokens, at: now)
            let granted = try #require(lease)
            let then = moment(1_000_000_000 + late)
            let answer = try step(.renew(token: granted.token, ttl: .min, request: nil), &lease, &tokens, at: then)
            #expect((answer.code == nil) == isRenewed)
            #expect((lease != nil) == isRenewed)
        }
    }

    @Test func aRepeatedRenewalAnswersTheSameTokenHoweverOften() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        _ = try step(.acquire(ttl: .min, owner: .empty, request: recorded), &lease, &tokens, at: now)
        let granted = try #require(lease)
        let renewal = LeaseRequest.renew(token: granted.token, ttl: .min, request: another)
        let first = try step(renewal, &lease, &tokens, at: moment(1000))
        let after = (lease, tokens)
        for delay in [2000, 3000, 999_999_999] as [Int64] {
            #expect(try step(renewal, &lease, &tokens, at: moment(delay)) == first)
            #expect(lease == after.0 && tokens == after.1)
        }
        // The renewal forgets the grant's request id.
        let acquire = LeaseRequest.acquire(ttl: .min, owner: .empty, request: recorded)
        #expect(throws: LeaseError.self) { try step(acquire, &lease, &tokens, at: moment(4000)).get() }
    }

    @Test func aRenewalWithoutAnIDForgetsTheIDBefore() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        let acquire = LeaseRequest.acquire(ttl: .min, owner: .empty, request: recorded)
        _ = try step(acquire, &lease, &tokens, at: now)
        _ = try step(.renew(token: try #require(lease).token, ttl: .min, request: nil), &lease, &tokens, at: now)
        #expect(throws: LeaseError.self) { try step(acquire, &lease, &tokens, at: now).get() }
    }

    @Test func anIDIsForgottenWithItsTenure() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        let acquire = LeaseRequest.acquire(ttl: .min, owner: .empty, request: recorded)
        let first = try step(acquire, &lease, &tokens, at: now)
        let second = try step(acquire, &lease, &tokens, at: moment(1_000_000_000))
        #expect(try first.get() != second.get())
    }

    @Test func exhaustedTokensGrantAndRenewNothing() throws {
        var tokens = TokenSequence(last: .max)
        var lease: Tenure?
        let refused = try step(.acquire(ttl: .min, owner: .empty, request: nil), &lease, &tokens, at: now)
        #expect(refused.code == .ioError)
        #expect(lease == nil)

        var fresh = TokenSequence()
        _ = try step(.acquire(ttl: .min, owner: .empty, request: nil), &lease, &fresh, at: now)
        let before = lease
        let renewal = LeaseRequest.renew(token: try #require(lease).token, ttl: .min, request: nil)
        #expect(try step(renewal, &lease, &tokens, at: now).code == .ioError)
        #expect(lease == before)
        #expect(tokens.last == .max)
    }

    @Test func anEndFoundWhenTokensAreExhaustedIsStillAnEnd() throws {
        var tokens = TokenSequence()
        var lease: Tenure?
        _ = try step(.acquire(ttl: .min, owner: .empty, request: nil), &lease, &tokens, at: now)
        var exhausted = TokenSequence(last: .max)
        let decision = LeaseRules.decide(
            .acquire(ttl: .min, owner: .empty, request: nil),
            on: name,
            tenure: lease,
            by: owner,
            now: moment(1_000_000_000),
            tokens: &exhausted
        )
        #expect(decision.ended?.cause == .expired)
        #expect(decision.event == nil)
        #expect(decision.answer.code == .ioError)
    }

    @Test func aTieTakesTheNewestTokenAndOutlivesTheDeadline() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        _ = try step(.acquire(ttl: .min, owner: .empty, request: nil, binds: true), &lease, &tokens, at: now)
        let fence = try #require(lease).fence
        _ = try step(.renew(token: fence, ttl: .min, request: nil), &lease, &tokens, at: now)
        #expect(lease?.attachment == .bound)
        #expect(try step(.tie(token: fence), &lease, &tokens, at: now).code == .expired)
        let newest = try #require(lease).token
        #expect(try step(.tie(token: newest), &lease, &tokens, at: now) == .success(.tied))
        let late = moment(86_400_000_000_000)
        #expect(try step(.check(token: fence), &lease, &tokens, at: late) == .success(.remaining(.zero)))
        let another = LeaseRequest.acquire(ttl: .min, owner: .empty, request: nil)
        #expect(try step(another, &lease, &tokens, at: late).code == .conflict)
        #expect(try step(.lose(fence: fence), &lease, &tokens, at: late) == .success(.lost(true)))
        #expect(try step(.check(token: fence), &lease, &tokens, at: late).code == .expired)
    }

    @Test func aRepetitionThatBindsAnOverdueTenureEndsItsGrace() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        let acquire = LeaseRequest.acquire(ttl: .min, owner: .empty, request: recorded, binds: true)
        let first = try step(acquire, &lease, &tokens, at: now)
        _ = try step(.tie(token: try #require(lease).token), &lease, &tokens, at: now)
        let late = moment(2_000_000_000)
        // It is bound again, so its deadline counts, and that has passed.
        #expect(try step(acquire, &lease, &tokens, at: late) == first)
        #expect(lease?.attachment == .bound)
        #expect(lease?.ending(at: late.boot)?.cause == .expired)
    }

    @Test func whoseTenureAnAdministratorEndsMayHaveItEndSoonerAndNotLater() throws {
        let root = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)
        let name = try LeaseName("nightly")
        var lease: Tenure?
        var tokens = TokenSequence()
        func revoke(_ seconds: Int64, by caller: Caller) -> Result<LeaseAnswer, LeaseError> {
            let request = LeaseRequest.revoke(after: .seconds(seconds), reason: .empty)
            let decision = LeaseRules.decide(request, on: name, tenure: lease, by: caller, now: now, tokens: &tokens)
            _ = decision.event?.apply(to: &lease)
            return decision.answer
        }
        _ = try step(.acquire(ttl: .max, owner: .empty, request: nil), &lease, &tokens, at: now)
        // A user may replace a revocation of its own by any other.
        for seconds in [60, 3600, 60] as [Int64] {
            #expect(revoke(seconds, by: owner) == .success(.revoked(true)))
            #expect(lease?.end == now.advanced(by: .seconds(seconds)).boot)
        }
        // It may not postpone an administrator's, even by bringing it nearer first.
        #expect(revoke(120, by: root) == .success(.revoked(true)))
        #expect(revoke(121, by: owner).code == .denied)
        #expect(revoke(120, by: owner) == .success(.revoked(true)))
        #expect(revoke(30, by: owner) == .success(.revoked(true)))
        #expect(revoke(31, by: owner).code == .denied)
        #expect(lease?.end == now.advanced(by: .seconds(30)).boot)
        guard case .failure(let error) = revoke(31, by: owner) else { throw LeaseError(.ioError, "put off") }
        #expect(error.message.contains("which uid 0 revokes in 30000 ms"), "\(error)")
        // An administrator may, and so may a user with the right on this name.
        #expect(revoke(60, by: root) == .success(.revoked(true)))
        let rule = AccessRule(.allow, .user(1000), [.admin], prefix: [], label: "rule 1")
        let access = Access([rule], uid: 1000)
        let scoped = Caller(uid: 1000, gid: 100, pid: 42, isAdministrator: false, access: access)
        #expect(revoke(90, by: scoped) == .success(.revoked(true)))
        #expect(revoke(0, by: owner) == .success(.revoked(true)))
        #expect(lease == nil)
    }

    // MARK: - Messages

    @Test func aConflictNamesTheHolderAndTheTimeLeftRoundedDown() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        let acquire = LeaseRequest.acquire(ttl: try TTL(.seconds(30)), owner: try Label("cron@db1"), request: nil)
        _ = try step(acquire, &lease, &tokens, at: now)
        let refused = try step(acquire, &lease, &tokens, at: moment(1_000_001))
        guard case .failure(let error) = refused else { throw LeaseError(.ioError, "granted twice") }
        #expect(error.code == .conflict)
        #expect(error.message == "lease 'nightly' is held by 'cron@db1' for 29998 ms more; try again later")
    }

    /// The message tells the nearer of the two ends, but a tied tenure has no deadline.
    @Test(arguments: [(TTL.max, false), (.min, true)])
    func aRefusedRenewalUnderRevocationSaysWhyAndHowLong(ttl: TTL, isTied: Bool) throws {
        try refuseRenewal(ttl: ttl, isTied: isTied, endsIn: 5000)
    }

    @Test func aRefusedRenewalUnderRevocationTellsTheDeadlineIfThatIsNearer() throws {
        try refuseRenewal(ttl: .min, isTied: false, endsIn: 1000)
    }

    private func refuseRenewal(ttl: TTL, isTied: Bool, endsIn milliseconds: Int) throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        _ = try step(.acquire(ttl: ttl, owner: .empty, request: nil), &lease, &tokens, at: now)
        if isTied {
            _ = try step(.tie(token: try #require(lease).token), &lease, &tokens, at: now)
        }
        _ = try step(.revoke(after: .seconds(5), reason: try Label("deploy")), &lease, &tokens, at: now)
        let renewal = LeaseRequest.renew(token: try #require(lease).token, ttl: .min, request: nil)
        guard case .failure(let error) = try step(renewal, &lease, &tokens, at: now) else {
            throw LeaseError(.ioError, "renewed")
        }
        #expect(
            error.message
                == "lease 'nightly' is being revoked (deploy) and ends in \(milliseconds) ms; stop now and release it"
        )
    }

    @Test func aRevocationLongerThanTheClockEndsWithTheDeadline() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        _ = try step(.acquire(ttl: .min, owner: .empty, request: nil), &lease, &tokens, at: now)
        let forever = Duration.milliseconds(Int64.max)
        #expect(try step(.revoke(after: forever, reason: .empty), &lease, &tokens, at: now) == .success(.revoked(true)))
        #expect(lease?.end == moment(1_000_000_000).boot)
        #expect(lease?.ending(at: moment(1_000_000_000).boot)?.cause == .expired)
    }
}

extension Tenure {
    /// The same tenure with another attachment; a restart may give it time again.
    fileprivate func with(_ attachment: Attachment) -> Tenure {
        Tenure(
            fence: fence,
            token: token,
            holder: holder,
            ttl: ttl,
            deadline: deadline,
            acquiredAt: acquiredAt,
            renewals: renewals,
            request: request,
            revocation: revocation,
            isExtended: isExtended && attachment == .nothing,
            attachment: attachment,
            isOverdueNoted: isOverdueNoted
        )
    }
}

extension Result where Failure == LeaseError {
    /// The code of the refusal, or `nil` if it is not a refusal.
    fileprivate var code: LeaseError.Code? {
        if case .failure(let error) = self { error.code } else { nil }
    }
}
