import LeaseCore

/// One row of the journal: something that happened, at its place in the order of everything that happened.
struct JournalEntry: Hashable {
    /// The place: one more than the row before it.
    let sequence: Int64
    /// When it was decided, for display and retention.
    let at: WallInstant
    /// What happened.
    let content: Content

    enum Content: Hashable {
        /// Something happened to a lease, in the tenure with this fence.
        case lease(LeaseName, fence: Token, LeaseEvent)
        /// A token was issued without a lease.
        case token(Token)
    }

    /// The token that this entry issued or brought in, if it did: later ones are greater.
    var issuedToken: Token? {
        switch content {
        case .token(let token): token
        case .lease(_, _, .granted(let tenure)), .lease(_, _, .imported(let tenure)): tenure.token
        case .lease(_, _, .renewed(let renewal)): renewal.token
        case .lease: nil
        }
    }

    /// What the entry makes of its lease; `false`, with the lease left as it was, if it does not follow from its state.
    func apply(to tenure: inout Tenure?) -> Bool {
        guard case .lease(_, let fence, let event) = content else { return true }
        // A grant brings its own fence; whatever follows is of the tenure that is there.
        guard tenure == nil || tenure?.fence == fence else { return false }
        return event.apply(to: &tenure)
    }

    /// Whether the row stays as history once the tables hold its effect: who held what, when, and how it ended.
    var isHistory: Bool {
        switch content {
        case .lease(_, _, .granted), .lease(_, _, .imported), .lease(_, _, .revoking), .lease(_, _, .ended): true
        case .lease(_, _, .renewed), .lease(_, _, .resumed), .token: false
        }
    }
}

/// How an entry stands in the table `lease_journal`.
///
/// The column `event` says which other columns mean something:
///
///     1 granted   fence = token, uid, gid, pid, owner, ttl, deadline, request_id, request_uid
///     2 renewed   token, ttl, deadline, request_id, request_uid, replaced_token
///     3 revoking  revocation, reason
///     4 resumed   deadline, revocation, detail = 1 if the grant's one extension is used up
///     5 ended     detail = the cause, reason
///     6 token     token
///     7 imported  fence, token, uid, gid, pid, owner, ttl, deadline
extension JournalEntry {
    private enum Kind: Int64 {
        case granted = 1
        case renewed = 2
        case revoking = 3
        case resumed = 4
        case ended = 5
        case token = 6
        case imported = 7
    }

    static let insertion = """
        INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, token, uid, gid, pid, owner, ttl_ms,
            deadline_ns, deadline_us, request_id, request_uid, replaced_token, revocation_ns, revocation_us, reason, detail)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    static let selection = """
        SELECT seq, event, at_us, name, slot, fence, token, uid, gid, pid, owner, ttl_ms,
            deadline_ns, deadline_us, request_id, request_uid, replaced_token, revocation_ns, revocation_us, reason, detail
        FROM lease_journal WHERE seq > ? ORDER BY seq LIMIT ?
        """

    func insert(with statement: HeldStatement) throws {
        var row = Columns()
        switch content {
        case .token(let token):
            row.token = token
            try row.insert(.token, sequence, at, nil, nil, statement)
        case .lease(let name, let fence, let event):
            let kind = row.fill(from: event)
            try row.insert(kind, sequence, at, name, fence, statement)
        }
    }

    /// Reads an entry, or `nil` if the row is none that this release writes: the file is damaged.
    init?(_ row: SQLRow) {
        guard let sequence = row.integer(0), let kind = row.integer(1).flatMap(Kind.init), let at = row.integer(2)
        else { return nil }
        self.sequence = sequence
        self.at = WallInstant(microseconds: at)
        if kind == .token {
            guard let token = row.token(6) else { return nil }
            content = .token(token)
            return
        }
        guard let name = row.bytes(3).flatMap({ try? LeaseName($0) }), let fence = row.token(5) else { return nil }
        guard let event = Self.event(kind, row, at: WallInstant(microseconds: at), fence: fence) else { return nil }
        content = .lease(name, fence: fence, event)
    }

    private static func event(_ kind: Kind, _ row: SQLRow, at: WallInstant, fence: Token) -> LeaseEvent? {
        let deadline = row.moment(12)
        let revocationEnd = row.moment(17)
        let reason = row.label(19)
        switch kind {
        case .granted, .imported:
            guard let token = row.token(6), token >= fence, let holder = row.holder(7), let ttl = row.ttl(11),
                let deadline
            else { return nil }
            let tenure = Tenure(
                fence: fence,
                token: token,
                holder: holder,
                ttl: ttl,
                deadline: deadline,
                acquiredAt: at,
                renewals: 0,
                request: row.request(.acquire, 14),
                revocation: nil,
                isExtended: false
            )
            return kind == .granted ? .granted(tenure) : .imported(tenure)
        case .renewed:
            guard let token = row.token(6), let ttl = row.ttl(11), let deadline else { return nil }
            return .renewed(Renewal(token: token, ttl: ttl, deadline: deadline, request: row.request(.renew, 14)))
        case .revoking:
            guard let revocationEnd, let reason else { return nil }
            return .revoking(Revocation(end: revocationEnd, reason: reason))
        case .resumed:
            guard let deadline, let detail = row.integer(20) else { return nil }
            return .resumed(Resumption(deadline: deadline, revocationEnd: revocationEnd, isExtension: detail == 1))
        case .ended:
            guard let cause = row.integer(20).flatMap(TenureEnd.Cause.init), let reason else { return nil }
            return .ended(TenureEnd(cause, reason: reason))
        case .token:
            return nil
        }
    }

    /// The columns that depend on the event.
    private struct Columns {
        var token: Token?
        var holder: Holder?
        var ttl: TTL?
        var deadline: Moment?
        var request: RequestRecord?
        var revocationEnd: Moment?
        var reason: Label?
        var detail: Int64?

        mutating func fill(from event: LeaseEvent) -> Kind {
            switch event {
            case .granted(let tenure), .imported(let tenure):
                token = tenure.token
                holder = tenure.holder
                ttl = tenure.ttl
                deadline = tenure.deadline
                request = tenure.request
                if case .imported = event { return .imported }
                return .granted
            case .renewed(let renewal):
                token = renewal.token
                ttl = renewal.ttl
                deadline = renewal.deadline
                request = renewal.request
                return .renewed
            case .revoking(let revocation):
                revocationEnd = revocation.end
                reason = revocation.reason
                return .revoking
            case .resumed(let resumption):
                deadline = resumption.deadline
                revocationEnd = resumption.revocationEnd
                detail = resumption.isExtension ? 1 : 0
                return .resumed
            case .ended(let end):
                detail = end.cause.rawValue
                reason = end.reason
                return .ended
            }
        }

        func insert(
            _ kind: Kind,
            _ sequence: Int64,
            _ at: WallInstant,
            _ name: LeaseName?,
            _ fence: Token?,
            _ statement: HeldStatement
        ) throws {
            try statement.run(
                .integer(sequence),
                .integer(kind.rawValue),
                .integer(at.microseconds),
                .blob(name?.bytes),
                .integer(name == nil ? nil : Int64(0)),
                .integer(fence?.rawValue),
                .integer(token?.rawValue),
                .integer(holder?.uid),
                .integer(holder?.gid),
                .integer(holder.map { Int64($0.pid) }),
                .text(holder?.owner.text),
                .integer(ttl?.milliseconds),
                .integer(deadline?.boot.nanoseconds),
                .integer(deadline?.wall.microseconds),
                .blob(request?.id.bytes),
                .integer(request?.uid),
                .integer(request?.replaced?.rawValue),
                .integer(revocationEnd?.boot.nanoseconds),
                .integer(revocationEnd?.wall.microseconds),
                .text(reason?.text),
                .integer(detail)
            )
        }
    }
}
