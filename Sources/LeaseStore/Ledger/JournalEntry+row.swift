import LeaseCore

/// How an entry is stored in the table `lease_journal`.
///
/// The column `event` says which other columns are used:
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

    /// The columns, in the order of ``selection`` and ``insertion``.
    ///
    /// A deadline, a revocation's end, a holder and a request take several columns, read and written together under the
    /// name of the first.
    private enum Column: Int32 {
        case sequence, event, at, name, slot, fence, token
        case uid, gid, pid, owner
        case ttl
        case deadlineBoot, deadlineWall
        case requestID, requestUser, replacedToken
        case revocationBoot, revocationWall
        case reason
        case detail

        /// The index of its parameter, counted from 1.
        var place: Int32 { rawValue + 1 }
    }

    static let insertion = """
        INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, token, uid, gid, pid, owner, ttl_ms,
            deadline_ns, deadline_us, request_id, request_uid, replaced_token, revocation_ns, revocation_us, reason, detail)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    /// A grant whose request has no id: it leaves a third of the columns unused.
    static let insertionOfGrant = """
        INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, token, uid, gid, pid, owner, ttl_ms,
            deadline_ns, deadline_us, detail)
        VALUES (?1, \(Kind.granted.rawValue), ?2, ?3, 0, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        """

    /// A renewal whose request has no id, and which leaves the attachment as it was.
    static let insertionOfRenewal = """
        INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, token, ttl_ms, deadline_ns, deadline_us)
        VALUES (?, \(Kind.renewed.rawValue), ?, ?, 0, ?, ?, ?, ?, ?)
        """

    /// An end: every grant has one, and it leaves most columns unused.
    static let insertionOfEnd = """
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
                row.integer(Column.sequence.place, sequence)
                row.integer(Column.event.place, Kind.token.rawValue)
                row.integer(Column.at.place, at.microseconds)
                row.integer(Column.token.place, token.rawValue)
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
                    row.integer(Column.sequence.place, sequence)
                    row.integer(Column.at.place, at.microseconds)
                    row.blob(Column.name.place, inPlace: name)
                    row.integer(Column.slot.place, 0 as Int64)
                    row.integer(Column.fence.place, fence.rawValue)
                    Self.bind(event, to: &row)
                }
            }
        }
    }

    /// Runs a statement that names its own columns: parameters 1 to 4 are the same in all of them, and `bind` binds the
    /// others.
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
    private static func bind(_ event: TenureEvent, to row: inout StatementBinder) {
        func kind(_ kind: Kind, detail: Int64? = nil) {
            row.integer(Column.event.place, kind.rawValue)
            row.integer(Column.detail.place, detail)
        }
        switch event {
        case .granted(let tenure), .imported(let tenure):
            if case .granted = event {
                kind(.granted, detail: tenure.attachment.rawValue)
            } else {
                kind(.imported, detail: tenure.attachment.rawValue)
            }
            row.integer(Column.token.place, tenure.token.rawValue)
            row.holder(Column.uid.place, tenure.holder)
            row.integer(Column.ttl.place, tenure.ttl.milliseconds)
            row.moment(Column.deadlineBoot.place, tenure.deadline)
            if let request = tenure.request { row.request(Column.requestID.place, request) }
        case .renewed(let renewal):
            kind(.renewed, detail: renewal.attachment?.rawValue)
            row.integer(Column.token.place, renewal.token.rawValue)
            row.integer(Column.ttl.place, renewal.ttl.milliseconds)
            row.moment(Column.deadlineBoot.place, renewal.deadline)
            if let request = renewal.request { row.request(Column.requestID.place, request) }
        case .attached(let attachment):
            kind(.attached, detail: attachment.rawValue)
        case .overdue:
            kind(.overdue)
        case .revoking(let revocation):
            kind(.revoking)
            row.integer(Column.uid.place, revocation.revoker.map { Int64($0) })
            row.moment(Column.revocationBoot.place, revocation.end)
            row.text(Column.reason.place, revocation.reason.text)
        case .resumed(let resumption):
            kind(.resumed, detail: (resumption.isExtension ? 1 : 0) | (resumption.isDetached ? 2 : 0))
            row.moment(Column.deadlineBoot.place, resumption.deadline)
            if let end = resumption.revocationEnd { row.moment(Column.revocationBoot.place, end) }
        case .ended:
            preconditionFailure("an end has a statement of its own")
        }
    }

    /// Reads an entry, or returns `nil` if this release does not write such a row: the file is damaged.
    init?(_ row: SQLRow) {
        guard let sequence = row.integer(Column.sequence.rawValue),
            let kind = row.integer(Column.event.rawValue).flatMap(Kind.init), let at = row.integer(Column.at.rawValue)
        else { return nil }
        self.sequence = sequence
        self.at = WallInstant(microseconds: at)
        if kind == .token {
            guard let token = row.token(Column.token.rawValue) else { return nil }
            content = .token(token)
            return
        }
        guard let name = row.bytes(Column.name.rawValue).flatMap({ try? LeaseName($0) }),
            let fence = row.token(Column.fence.rawValue)
        else { return nil }
        guard let event = Self.event(kind, row, at: WallInstant(microseconds: at), fence: fence) else { return nil }
        content = .lease(name, fence: fence, event)
    }

    private static func event(_ kind: Kind, _ row: SQLRow, at: WallInstant, fence: Token) -> TenureEvent? {
        let deadline = row.moment(Column.deadlineBoot.rawValue)
        let revocationEnd = row.moment(Column.revocationBoot.rawValue)
        let reason = row.label(Column.reason.rawValue)
        switch kind {
        case .granted, .imported:
            guard let token = row.token(Column.token.rawValue), token >= fence,
                let holder = row.holder(Column.uid.rawValue), let ttl = row.ttl(Column.ttl.rawValue),
                let deadline
            else { return nil }
            guard let attachment = Attachment(rawValue: row.integer(Column.detail.rawValue) ?? 0) else { return nil }
            let tenure = Tenure(
                fence: fence,
                token: token,
                holder: holder,
                ttl: ttl,
                deadline: deadline,
                acquiredAt: at,
                renewals: 0,
                request: row.request(.acquire, Column.requestID.rawValue),
                revocation: nil,
                isExtended: false,
                attachment: attachment
            )
            return kind == .granted ? .granted(tenure) : .imported(tenure)
        case .renewed:
            guard let token = row.token(Column.token.rawValue), let ttl = row.ttl(Column.ttl.rawValue), let deadline
            else { return nil }
            let attachment = row.integer(Column.detail.rawValue).flatMap(Attachment.init)
            // A number that is not an attachment is damage; NULL leaves the attachment as it is.
            guard row.integer(Column.detail.rawValue) == nil || attachment != nil else { return nil }
            return .renewed(
                Renewal(
                    token: token,
                    ttl: ttl,
                    deadline: deadline,
                    request: row.request(.renew, Column.requestID.rawValue),
                    attachment: attachment
                )
            )
        case .attached:
            return row.integer(Column.detail.rawValue).flatMap(Attachment.init).map { .attached($0) }
        case .overdue:
            return .overdue
        case .revoking:
            guard let revocationEnd, let reason else { return nil }
            return .revoking(Revocation(end: revocationEnd, reason: reason, revoker: row.user(Column.uid.rawValue)))
        case .resumed:
            guard let deadline, let detail = row.integer(Column.detail.rawValue) else { return nil }
            return .resumed(
                Resumption(
                    deadline: deadline,
                    revocationEnd: revocationEnd,
                    isExtension: detail & 1 != 0,
                    isDetached: detail & 2 != 0
                )
            )
        case .ended:
            guard let cause = row.integer(Column.detail.rawValue).flatMap(TenureEnd.Cause.init), let reason else {
                return nil
            }
            return .ended(TenureEnd(cause, reason: reason))
        case .token:
            return nil
        }
    }
}
