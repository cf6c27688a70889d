import GRDB
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
        case .lease(_, _, .renewed), .lease(_, _, .resumed), .lease(_, _, .attached), .lease(_, _, .overdue), .token:
            false
        }
    }
}

/// How an entry stands in the table `lease_journal`.
///
/// The column `event` says which other columns mean something:
///
///     1 granted   fence = token, uid, gid, pid, owner, ttl, deadline, request_id, request_uid, detail = the attachment
///     2 renewed   token, ttl, deadline, request_id, request_uid, replaced_token, detail = a new attachment
///     3 revoking  revocation, reason, uid = the revoker
///     4 resumed   deadline, revocation, detail = 1 if the grant's one extension is used up, plus 2 if detached
///     5 ended     detail = the cause, reason
///     6 token     token
///     7 imported  fence, token, uid, gid, pid, owner, ttl, deadline, detail = the attachment
///     8 attached  detail = the attachment
///     9 overdue
extension JournalEntry {
    private enum Kind: Int64 {
        case granted = 1
        case renewed = 2
        case revoking = 3
        case resumed = 4
        case ended = 5
        case token = 6
        case imported = 7
        case attached = 8
        case overdue = 9
    }

    fileprivate static let insertion = """
        INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, token, uid, gid, pid, owner, ttl_ms,
            deadline_ns, deadline_us, request_id, request_uid, replaced_token, revocation_ns, revocation_us, reason, detail)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    /// A grant by itself, of a request without an id: a third of the columns means nothing to it.
    fileprivate static let insertionOfGrant = """
        INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, token, uid, gid, pid, owner, ttl_ms,
            deadline_ns, deadline_us, detail)
        VALUES (?1, \(Kind.granted.rawValue), ?2, ?3, 0, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        """

    /// A renewal by itself, of a request without an id, that leaves the tenure attached as it was.
    fileprivate static let insertionOfRenewal = """
        INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, token, ttl_ms, deadline_ns, deadline_us)
        VALUES (?, \(Kind.renewed.rawValue), ?, ?, 0, ?, ?, ?, ?, ?)
        """

    /// An end by itself: every grant has one, and most columns mean nothing to it.
    fileprivate static let insertionOfEnd = """
        INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, reason, detail)
        VALUES (?, \(Kind.ended.rawValue), ?, ?, 0, ?, ?, ?)
        """

    static let selection = """
        SELECT seq, event, at_us, name, slot, fence, token, uid, gid, pid, owner, ttl_ms,
            deadline_ns, deadline_us, request_id, request_uid, replaced_token, revocation_ns, revocation_us, reason, detail
        FROM lease_journal WHERE seq > ? ORDER BY seq LIMIT ?
        """

    func insert(with insertion: JournalInsertion) throws {
        switch content {
        case .token(let token):
            try insertion.any.run { row in
                row.integer(1, sequence)
                row.integer(2, Kind.token.rawValue)
                row.integer(3, at.microseconds)
                row.integer(7, token.rawValue)
            }
        case .lease(let name, let fence, .ended(let end)):
            try insert(name, fence, with: insertion.end) { row in
                row.text(5, end.reason.text)
                row.integer(6, end.cause.rawValue)
            }
        case .lease(let name, let fence, .granted(let tenure)) where tenure.request == nil:
            try insert(name, fence, with: insertion.grant) { row in
                row.holder(5, tenure.holder)
                row.integer(9, tenure.ttl.milliseconds)
                row.moment(10, tenure.deadline)
                row.integer(12, tenure.attachment.rawValue)
            }
        case .lease(let name, let fence, .renewed(let renewal))
        where renewal.request == nil && renewal.attachment == nil:
            try insert(name, fence, with: insertion.renewal) { row in
                row.integer(5, renewal.token.rawValue)
                row.integer(6, renewal.ttl.milliseconds)
                row.moment(7, renewal.deadline)
            }
        case .lease(let name, let fence, let event):
            try name.bytes.withUnsafeBytes { name in
                try insertion.any.run { row in
                    row.integer(1, sequence)
                    row.integer(3, at.microseconds)
                    row.blob(4, inPlace: name)
                    row.integer(5, 0 as Int64)
                    row.integer(6, fence.rawValue)
                    Self.bind(event, to: &row)
                }
            }
        }
    }

    /// Runs a statement that names its own columns: the places 1 to 4 are the same in all of them, `bind` binds the others.
    @inline(__always)
    private func insert(
        _ name: LeaseName,
        _ fence: Token,
        with statement: HeldStatement,
        _ bind: (inout StatementBinder) -> Void
    ) throws {
        try name.bytes.withUnsafeBytes { name in
            try statement.runWhole { row in
                row.integer(1, sequence)
                row.integer(2, at.microseconds)
                row.blob(3, inPlace: name)
                row.integer(4, fence.rawValue)
                bind(&row)
            }
        }
    }

    /// Binds the columns that depend on the event.
    private static func bind(_ event: LeaseEvent, to row: inout StatementBinder) {
        func kind(_ kind: Kind, detail: Int64? = nil) {
            row.integer(2, kind.rawValue)
            row.integer(21, detail)
        }
        switch event {
        case .granted(let tenure), .imported(let tenure):
            if case .granted = event {
                kind(.granted, detail: tenure.attachment.rawValue)
            } else {
                kind(.imported, detail: tenure.attachment.rawValue)
            }
            row.integer(7, tenure.token.rawValue)
            row.holder(8, tenure.holder)
            row.integer(12, tenure.ttl.milliseconds)
            row.moment(13, tenure.deadline)
            if let request = tenure.request { row.request(15, request) }
        case .renewed(let renewal):
            kind(.renewed, detail: renewal.attachment?.rawValue)
            row.integer(7, renewal.token.rawValue)
            row.integer(12, renewal.ttl.milliseconds)
            row.moment(13, renewal.deadline)
            if let request = renewal.request { row.request(15, request) }
        case .attached(let attachment):
            kind(.attached, detail: attachment.rawValue)
        case .overdue:
            kind(.overdue)
        case .revoking(let revocation):
            kind(.revoking)
            row.integer(8, revocation.revoker.map { Int64($0) })
            row.moment(18, revocation.end)
            row.text(20, revocation.reason.text)
        case .resumed(let resumption):
            kind(.resumed, detail: (resumption.isExtension ? 1 : 0) | (resumption.isDetached ? 2 : 0))
            row.moment(13, resumption.deadline)
            if let end = resumption.revocationEnd { row.moment(18, end) }
        case .ended:
            preconditionFailure("an end has a statement of its own")
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
            guard let attachment = Attachment(rawValue: row.integer(20) ?? 0) else { return nil }
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
                isExtended: false,
                attachment: attachment
            )
            return kind == .granted ? .granted(tenure) : .imported(tenure)
        case .renewed:
            guard let token = row.token(6), let ttl = row.ttl(11), let deadline else { return nil }
            let attachment = row.integer(20).flatMap(Attachment.init)
            // A number that is no attachment is damage; none at all leaves it as it is.
            guard row.integer(20) == nil || attachment != nil else { return nil }
            return .renewed(
                Renewal(
                    token: token,
                    ttl: ttl,
                    deadline: deadline,
                    request: row.request(.renew, 14),
                    attachment: attachment
                )
            )
        case .attached:
            return row.integer(20).flatMap(Attachment.init).map { .attached($0) }
        case .overdue:
            return .overdue
        case .revoking:
            guard let revocationEnd, let reason else { return nil }
            return .revoking(Revocation(end: revocationEnd, reason: reason, revoker: row.user(7)))
        case .resumed:
            guard let deadline, let detail = row.integer(20) else { return nil }
            return .resumed(
                Resumption(
                    deadline: deadline,
                    revocationEnd: revocationEnd,
                    isExtension: detail & 1 != 0,
                    isDetached: detail & 2 != 0
                )
            )
        case .ended:
            guard let cause = row.integer(20).flatMap(TenureEnd.Cause.init), let reason else { return nil }
            return .ended(TenureEnd(cause, reason: reason))
        case .token:
            return nil
        }
    }
}

/// The statements that write rows of the journal.
struct JournalInsertion {
    /// For whatever the others have no places for: it has one for each column.
    let any: HeldStatement
    /// For a grant without a request id.
    let grant: HeldStatement
    /// For a renewal without a request id, and with the attachment as it was.
    let renewal: HeldStatement
    let end: HeldStatement
    let all: [HeldStatement]

    init(on database: Database) throws {
        any = try HeldStatement(JournalEntry.insertion, on: database)
        grant = try HeldStatement(JournalEntry.insertionOfGrant, on: database)
        renewal = try HeldStatement(JournalEntry.insertionOfRenewal, on: database)
        end = try HeldStatement(JournalEntry.insertionOfEnd, on: database)
        all = [any, grant, renewal, end]
    }
}
