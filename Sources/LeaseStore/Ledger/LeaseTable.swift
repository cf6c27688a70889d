import LeaseCore

/// The table `leases`, which folding writes and a start reads.
struct LeaseTable {
    private static let columns = """
        name, fence, token, uid, gid, pid, owner, ttl_ms, deadline_ns, deadline_us, acquired_us, renewals, is_extended,
        request_verb, request_id, request_uid, replaced_token, revocation_ns, revocation_us, reason, attachment, is_overdue,
        revoker
        """

    static let selectAll = "SELECT \(columns) FROM leases ORDER BY name, slot"
    /// The leases from a name on, inclusive, by name.
    static let selectFrom = "SELECT \(columns) FROM leases WHERE name >= ? ORDER BY name, slot LIMIT ?"
    /// The leases after a name, by name.
    static let selectAfter = "SELECT \(columns) FROM leases WHERE name > ? ORDER BY name, slot LIMIT ?"
    static let selectOne = "SELECT \(columns) FROM leases WHERE name = ? AND slot = 0"

    private let upsert: HeldStatement
    private let delete: HeldStatement
    private let trackers: TrackerTable

    init(_ held: HeldStatements, trackers: TrackerTable) throws {
        self.trackers = trackers
        upsert = try held.prepare(
            "INSERT OR REPLACE INTO leases (\(Self.columns), slot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
        )
        delete = try held.prepare("DELETE FROM leases WHERE name = ? AND slot = 0")
    }

    /// Makes the table hold `tenure` for `name`, or nothing for `nil`, and updates the key's tracker.
    ///
    /// - Parameter isNew: Whether the table does not hold the lease yet.
    func write(_ tenure: Tenure?, for name: LeaseName, isNew: Bool) throws {
        if let tenure {
            try insert(tenure, for: name)
            if isNew {
                try trackers.add(.lease, to: name.bytes)
            }
        } else if !isNew {
            try delete.run(.blob(name.bytes))
            try trackers.remove(.lease, from: name.bytes)
        }
    }

    private func insert(_ tenure: Tenure, for name: LeaseName) throws {
        try upsert.run { row in
            row.blob(1, name.bytes)
            row.integer(2, tenure.fence.rawValue)
            row.integer(3, tenure.token.rawValue)
            row.holder(4, tenure.holder)
            row.integer(8, tenure.ttl.milliseconds)
            row.moment(9, tenure.deadline)
            row.integer(11, tenure.acquiredAt.microseconds)
            row.integer(12, tenure.renewals)
            row.integer(13, tenure.isExtended ? 1 : 0 as Int64)
            if let request = tenure.request {
                row.integer(14, request.verb.rawValue)
                row.request(15, request)
            }
            if let revocation = tenure.revocation {
                row.moment(18, revocation.end)
                row.text(20, revocation.reason.text)
                row.integer(23, revocation.revoker.map { Int64($0) })
            }
            row.integer(21, tenure.attachment.rawValue)
            row.integer(22, tenure.isOverdueNoted ? 1 : 0 as Int64)
        }
    }

    /// Reads a row of any of the selections above.
    ///
    /// - Throws: ``MalformedRow`` if this release does not write such a row: the file is damaged.
    static func decode(_ row: SQLRow) throws -> (name: LeaseName, tenure: Tenure) {
        guard
            let name = row.bytes(0).flatMap({ try? LeaseName($0) }),
            let fence = row.token(1), let token = row.token(2), token >= fence,
            let holder = row.holder(3), let ttl = row.ttl(7), let deadline = row.moment(8),
            let acquired = row.integer(10), let isExtended = row.integer(12),
            let renewals = row.integer(11), (0..<Int64.max).contains(renewals),
            let attachment = row.integer(20).flatMap(Attachment.init), let isOverdueNoted = row.integer(21)
        else { throw MalformedRow(table: "leases") }
        let tenure = Tenure(
            fence: fence,
            token: token,
            holder: holder,
            ttl: ttl,
            deadline: deadline,
            acquiredAt: WallInstant(microseconds: acquired),
            renewals: renewals,
            request: row.integer(13).flatMap(RequestRecord.Verb.init).flatMap { row.request($0, 14) },
            revocation: row.moment(17).map {
                Revocation(end: $0, reason: row.label(19) ?? .empty, revoker: row.user(22))
            },
            isExtended: isExtended != 0,
            attachment: attachment,
            isOverdueNoted: isOverdueNoted != 0
        )
        return (name, tenure)
    }
}

/// A row that no release writes: the file was damaged or changed by hand.
struct MalformedRow: Error {
    let table: String
}
