import GRDB
import LeaseCore

/// The table `leases`, as folding writes and a start reads it.
struct LeaseTable {
    private static let columns = """
        name, fence, token, uid, gid, pid, owner, ttl_ms, deadline_ns, deadline_us, acquired_us, renewals, is_extended,
        request_verb, request_id, request_uid, replaced_token, revocation_ns, revocation_us, reason
        """

    /// Every lease, by name.
    static let selectAll = "SELECT \(columns) FROM leases ORDER BY name, slot"
    /// The leases from one name on, that name included, by name.
    static let selectFrom = "SELECT \(columns) FROM leases WHERE name >= ? ORDER BY name, slot LIMIT ?"
    /// The leases after one name, by name.
    static let selectAfter = "SELECT \(columns) FROM leases WHERE name > ? ORDER BY name, slot LIMIT ?"
    /// One lease.
    static let selectOne = "SELECT \(columns) FROM leases WHERE name = ? AND slot = 0"

    private let selectOne: HeldStatement
    private let upsert: HeldStatement
    private let delete: HeldStatement
    private let trackers: TrackerTable

    init(on database: Database, trackers: TrackerTable) throws {
        self.trackers = trackers
        selectOne = try HeldStatement(Self.selectOne, on: database)
        upsert = try HeldStatement(
            "INSERT OR REPLACE INTO leases (\(Self.columns), slot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            on: database
        )
        delete = try HeldStatement("DELETE FROM leases WHERE name = ? AND slot = 0", on: database)
    }

    func finalize() {
        for statement in [selectOne, upsert, delete] {
            statement.finalize()
        }
    }

    /// The tenure that the table holds for `name`, or `nil` if it holds none.
    func tenure(of name: LeaseName) throws -> Tenure? {
        var found: Tenure?
        try selectOne.forEach(.blob(name.bytes)) { found = try Self.decode($0).tenure }
        return found
    }

    /// Makes the table hold `tenure` for `name`, or none; the key's tracker follows.
    func write(_ tenure: Tenure?, for name: LeaseName, replacing previous: Tenure?) throws {
        if let tenure {
            try insert(tenure, for: name)
            if previous == nil {
                try trackers.add(.lease, to: name.bytes)
            }
        } else if previous != nil {
            try delete.run(.blob(name.bytes))
            try trackers.remove(.lease, from: name.bytes)
        }
    }

    private func insert(_ tenure: Tenure, for name: LeaseName) throws {
        let holder = tenure.holder
        let request = tenure.request
        let revocation = tenure.revocation
        try upsert.run(
            .blob(name.bytes),
            .integer(tenure.fence.rawValue),
            .integer(tenure.token.rawValue),
            .integer(Int64(holder.uid)),
            .integer(Int64(holder.gid)),
            .integer(Int64(holder.pid)),
            .text(holder.owner.text),
            .integer(tenure.ttl.milliseconds),
            .integer(tenure.deadline.boot.nanoseconds),
            .integer(tenure.deadline.wall.microseconds),
            .integer(tenure.acquiredAt.microseconds),
            .integer(tenure.renewals),
            .flag(tenure.isExtended),
            .integer(request?.verb.rawValue),
            .blob(request?.id.bytes),
            .integer(request?.uid),
            .integer(request?.replaced?.rawValue),
            .integer(revocation?.end.boot.nanoseconds),
            .integer(revocation?.end.wall.microseconds),
            .text(revocation?.reason.text)
        )
    }

    /// Reads a row of any of the selections above.
    ///
    /// - Throws: ``MalformedRow`` if it is none that this release writes: the file is damaged.
    static func decode(_ row: SQLRow) throws -> (name: LeaseName, tenure: Tenure) {
        guard
            let name = row.bytes(0).flatMap({ try? LeaseName($0) }),
            let fence = row.token(1), let token = row.token(2), token >= fence,
            let holder = row.holder(3), let ttl = row.ttl(7), let deadline = row.moment(8),
            let acquired = row.integer(10), let renewals = row.integer(11), let isExtended = row.integer(12)
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
            revocation: row.moment(17).map { Revocation(end: $0, reason: row.label(19) ?? .empty) },
            isExtended: isExtended != 0
        )
        return (name, tenure)
    }
}

/// A row that no release writes: the file was damaged, or changed by hand.
struct MalformedRow: Error {
    let table: String
}
