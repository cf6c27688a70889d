import LeaseCore

/// What the protocol requires for one request, derived from its text and not from the code.
///
/// A case consists of plain numbers: when the tenure's two ends come, relative to now, which token the request has, who
/// asks. The oracle answers in the same numbers.
struct RuleCase: CustomStringConvertible {
    enum Record: CaseIterable { case none, acquiredByOwner, renewedByOwner, renewedByAdministrator }
    enum Brought: CaseIterable { case newest, fence, replaced, stale, foreign }
    enum Who: CaseIterable { case owner, ownerAsAdministrator, stranger, administrator }
    enum ID: CaseIterable { case none, recorded, another }
    enum Ask: CaseIterable {
        case acquire, acquireBound, renew, renewBound, renewUnbound, tie, release, check, holder
        case revokeNow, revokeAfterZero, revokeLater, lose
    }

    /// Nanoseconds from now to the deadline, or `nil` if the lease is free.
    var deadline: Int64?
    /// Nanoseconds from now to the end by revocation, or `nil` if none is under way.
    var revocation: Int64?
    var attachment: Attachment
    var isRenewed: Bool
    var record: Record
    var ask: Ask
    var brought: Brought
    var who: Who
    var id: ID

    static let fence: Int64 = 1000
    static let replaced: Int64 = 1004
    static let renewed: Int64 = 1009

    var newest: Int64 { isRenewed ? Self.renewed : Self.fence }

    var number: Int64 {
        switch brought {
        case .newest: newest
        case .fence: Self.fence
        case .replaced: Self.replaced
        case .stale: 999
        case .foreign: 1010
        }
    }

    var uid: UInt32 {
        switch who {
        case .owner, .ownerAsAdministrator: 1000
        case .stranger: 1001
        case .administrator: 0
        }
    }

    var isAdministrator: Bool { who == .ownerAsAdministrator || who == .administrator }

    var description: String {
        "\(ask) \(brought) by \(who) id \(id), \(attachment), deadline \(deadline.map(String.init) ?? "-"),"
            + " revocation \(revocation.map(String.init) ?? "-"), renewed \(isRenewed), record \(record)"
    }

    /// Every possible case: a record of a renewal needs a renewal, and a free lease has neither.
    static var all: [RuleCase] {
        var cases: [RuleCase] = []
        let states: [(Int64?, Int64?, Attachment)] =
            [(nil, nil, .nothing)]
            + [-1, 0, 1, 30_000_000_000].flatMap { (deadline: Int64) in
                [nil, -2, 0, 1, 20_000_000_000, 90_000_000_000].flatMap { (revocation: Int64?) in
                    Attachment.allCases.map { (deadline, revocation, $0) }
                }
            }
        for (deadline, revocation, attachment) in states {
            for isRenewed in deadline == nil ? [false] : [false, true] {
                let records: [Record] =
                    isRenewed ? [.none, .renewedByOwner, .renewedByAdministrator] : [.none, .acquiredByOwner]
                for record in deadline == nil ? [.none] : records {
                    for ask in Ask.allCases {
                        for brought in ask.bringsToken ? Brought.allCases : [.newest] {
                            for who in Who.allCases {
                                for id in ask.bringsID ? ID.allCases : [.none] {
                                    cases.append(
                                        RuleCase(
                                            deadline: deadline,
                                            revocation: revocation,
                                            attachment: attachment,
                                            isRenewed: isRenewed,
                                            record: record,
                                            ask: ask,
                                            brought: brought,
                                            who: who,
                                            id: id
                                        )
                                    )
                                }
                            }
                        }
                    }
                }
            }
        }
        return cases
    }
}

extension RuleCase.Ask {
    /// Whether the request has a token; `lose` has the fence in its place.
    fileprivate var bringsToken: Bool {
        [.renew, .renewBound, .renewUnbound, .tie, .release, .check, .lose].contains(self)
    }

    fileprivate var bringsID: Bool { verb == .acquire || verb == .renew }

    /// The verb of the protocol.
    fileprivate var verb: Self {
        switch self {
        case .acquire, .acquireBound: .acquire
        case .renew, .renewBound, .renewUnbound: .renew
        default: self
        }
    }

    fileprivate var binds: Bool { self == .acquireBound || self == .renewBound }
}

/// The required outcome of a case.
struct RuleVerdict: Equatable {
    enum Answer: Equatable {
        /// A token that has just been issued.
        case freshToken
        /// The token that was issued before.
        case sameToken(Int64)
        case released
        case tied
        case lost(Bool)
        case nanosecondsLeft(Int64)
        case held(Bool)
        case revoked(Bool)
        case refused(LeaseError.Code)
    }

    enum Change: Equatable {
        case nothing
        case granted(Attachment)
        case renewed(Attachment)
        case attached(Attachment)
        case released
        case revoked
        /// With this many seconds left.
        case revoking(Int64)
        case lost
    }

    var endedBefore: TenureEnd.Cause?
    var change: Change = .nothing
    var answer: Answer
}

extension RuleCase {
    var verdict: RuleVerdict {
        // "A tenure that ends by time has ended at the instant now >= deadline."
        // "A tied tenure does not end by time while its tie is open."
        let hasExpired = attachment != .tied && deadline.map { $0 <= 0 } ?? false
        let hasBeenRevoked = deadline != nil && revocation.map { $0 <= 0 } ?? false
        let isHeld = deadline != nil && !hasExpired && !hasBeenRevoked
        var verdict = RuleVerdict(answer: .refused(.expired))
        if hasBeenRevoked && (!hasExpired || revocation! <= deadline!) {
            verdict.endedBefore = .revoked
        } else if hasExpired {
            verdict.endedBefore = .expired
        }

        let isOwner = uid == 1000
        let mayAct = isOwner || isAdministrator
        let isRevoking = isHeld && revocation != nil
        // "Milliseconds left (0 when overdue)", "tell the nearer end".
        let left = max([deadline, revocation].compactMap { $0 }.min() ?? 0, 0)
        // "A repetition of the same verb, by the same user, with the id that the latest grant or renewal carried."
        let carries: (verb: Ask, uid: UInt32)? =
            switch record {
            case .none: nil
            case .acquiredByOwner: (.acquire, 1000)
            case .renewedByOwner: (.renew, 1000)
            case .renewedByAdministrator: (.renew, 0)
            }
        let repeats = isHeld && id == .recorded && carries.map { $0 == (ask.verb, uid) } ?? false
        // "With BIND it binds to the repeating connection", and else "changes nothing".
        let rebinding: RuleVerdict.Change = ask.binds && attachment != .bound ? .attached(.bound) : .nothing
        let renewed: Attachment =
            switch ask {
            case .renewBound: .bound
            case .renewUnbound: .nothing
            default: attachment
            }

        let outcomes: [(Bool, RuleVerdict.Change, RuleVerdict.Answer)] =
            switch ask {
            case .acquire, .acquireBound:
                [
                    (!isHeld, .granted(ask.binds ? .bound : .nothing), .freshToken),
                    (repeats, rebinding, .sameToken(newest)),
                    (true, .nothing, .refused(.conflict)),
                ]
            case .renew, .renewBound, .renewUnbound:
                [
                    (!isHeld, .nothing, .refused(.expired)),
                    (number != newest && !(repeats && number == Self.replaced), .nothing, .refused(.expired)),
                    (isRevoking, .nothing, .refused(.revoked)),
                    (repeats, rebinding, .sameToken(newest)),
                    (!mayAct, .nothing, .refused(.denied)),
                    (true, .renewed(renewed), .freshToken),
                ]
            case .tie:
                [
                    (!isHeld || number != newest, .nothing, .refused(.expired)),
                    (!mayAct, .nothing, .refused(.denied)),
                    (true, attachment == .tied ? .nothing : .attached(.tied), .tied),
                ]
            case .lose:
                [
                    (isHeld && number == Self.fence, .lost, .lost(true)),
                    (true, .nothing, .lost(false)),
                ]
            case .release:
                [
                    (!isHeld || number != newest, .nothing, .refused(.expired)),
                    (!mayAct, .nothing, .refused(.denied)),
                    (true, .released, .released),
                ]
            case .check:
                [
                    (isHeld && [Self.fence, newest].contains(number), .nothing, .nanosecondsLeft(left)),
                    (true, .nothing, .refused(.expired)),
                ]
            case .holder:
                [(true, .nothing, .held(isHeld))]
            case .revokeNow, .revokeAfterZero, .revokeLater:
                [
                    (!isHeld, .nothing, .revoked(false)),
                    (!mayAct, .nothing, .refused(.denied)),
                    (ask == .revokeLater, .revoking(7), .revoked(true)),
                    // "Default 30 s if tied, else at once."
                    (ask == .revokeNow && attachment == .tied, .revoking(30), .revoked(true)),
                    (true, .revoked, .revoked(true)),
                ]
            }
        if let (_, change, answer) = outcomes.first(where: { $0.0 }) {
            verdict.change = change
            verdict.answer = answer
        }
        return verdict
    }
}
