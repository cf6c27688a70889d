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
            let isIssued = expected.change == .granted || expected.change == .renewed
            #expect(tokens.last == (isIssued ? token(now.wall.microseconds) : token(2000)), "\(example)")
        }
        // The cases reach every kind of outcome.
        #expect(verdicts.count > 15)
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
            isExtended: true
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
            case .renew: .renew(token: brought, ttl: try TTL(.seconds(45)), request: id)
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
            answered == tokens.last && decision.event != nil ? .freshToken : .sameToken(answered.rawValue)
        case .success(.released): .released
        case .success(.remaining(let left)): .nanosecondsLeft(left.wholeNanoseconds)
        case .success(.tenure(let held)):
            held == nil || held == before ? .held(held != nil) : nil
        case .success(.revoked(let wasHeld)): .revoked(wasHeld)
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
        case .released, .revoked:
            #expect(after == nil, "\(example)")
        case .granted:
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
                isExtended: false
            )
            #expect(after == granted, "\(example)")
        case .renewed:
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
                isExtended: false
            )
            #expect(after == renewed, "\(example)")
        case .revoking:
            let revocation = Revocation(end: now.advanced(by: .seconds(7)), reason: try Label("go"))
            #expect(after?.revocation == revocation, "\(example)")
            #expect(after?.token == before?.token && after?.deadline == before?.deadline, "\(example)")
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
            #expect(LeaseEvent.ended(ended).apply(to: &lease))
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
        // The grant's own id is forgotten with the renewal.
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

    @Test func aRefusedRenewalUnderRevocationSaysWhyAndHowLong() throws {
        var lease: Tenure?
        var tokens = TokenSequence()
        _ = try step(.acquire(ttl: .max, owner: .empty, request: nil), &lease, &tokens, at: now)
        _ = try step(.revoke(after: .seconds(5), reason: try Label("deploy")), &lease, &tokens, at: now)
        let renewal = LeaseRequest.renew(token: try #require(lease).token, ttl: .min, request: nil)
        guard case .failure(let error) = try step(renewal, &lease, &tokens, at: now) else {
            throw LeaseError(.ioError, "renewed")
        }
        #expect(
            error.message == "lease 'nightly' is being revoked (deploy) and ends in 5000 ms; stop now and release it"
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

extension Result where Failure == LeaseError {
    /// The code of the refusal, or `nil` if it is none.
    fileprivate var code: LeaseError.Code? {
        if case .failure(let error) = self { error.code } else { nil }
    }
}
