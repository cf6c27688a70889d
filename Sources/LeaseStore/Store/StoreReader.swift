import GRDB
import LeaseCore

/// Answers queries from one snapshot.
///
/// Every list enters an index where it begins and leaves it where it ends: what is read is proportional to the answer,
/// not to the store. If leases are involved, the journal's tail is read, too, so that the list shows all kinds as of
/// one commit (``JournalTail``).
struct StoreReader {
    let database: Database
    let keyHash: KeyHash
    let limits: ListLimits

    init(_ database: Database, keyHash: KeyHash, limits: ListLimits) {
        self.database = database
        self.keyHash = keyHash
        self.limits = limits
    }

    func answer(to query: StoreQuery) throws -> StoreListing {
        switch query {
        case .value(let key):
            .value(try one(StoreTables.valueOfKey, .blob(key.bytes)) { try StoreTables.value($0) })
        case .contains(let key, let child):
            .flag(try one(StoreTables.childOfKey, .blob(key.bytes), .blob(child.bytes)) { _ in true } ?? false)
        case .leases(let page):
            .leases(try leases(page))
        case .children(let key, let after, let count):
            .keys(try children(of: key, after: after, count: count))
        case .keys(let prefix, let after, let count):
            .trackedKeys(try trackedKeys(prefix: prefix, after: after, count: count))
        case .range(let low, let high, let after, let count):
            .keys(try keys(low: low, high: high, after: after, count: count))
        case .tracker(let key):
            .tracker(try tracker(of: key))
        case .export(let keys, let now):
            .entries(try entries(of: keys, at: now))
        }
    }

    // MARK: - Lists

    static let children = "SELECT child FROM prefix_entries WHERE prefix = ? AND child > ? ORDER BY child LIMIT ?"

    func children(of key: Key, after: Key?, count: Int) throws -> [Key] {
        var meter = ListMeter(limits)
        var children: [Key] = []
        try each(Self.children, .blob(key.bytes), .blob(after?.bytes ?? []), .integer(Int64(length(count)))) { row in
            let child = try Self.key(row, 0, of: "prefix_entries")
            try meter.count(child.bytes.count)
            children.append(child)
            return true
        }
        return children
    }

    // MARK: - Export

    static let allChildren = "SELECT child FROM prefix_entries WHERE prefix = ? ORDER BY child"

    func entries(of keys: [Key], at now: Moment) throws -> [StoreEntry] {
        let value = try HeldStatement(StoreTables.valueOfKey, on: database)
        let children = try HeldStatement(Self.allChildren, on: database)
        let lease = try HeldStatement(LeaseTable.selectOne, on: database)
        defer { [value, children, lease].forEach { $0.finalize() } }
        let tail = try JournalTail(database)
        var meter = ListMeter(limits)
        return try keys.map { key in
            var entry = StoreEntry(key: key)
            try meter.count(key.bytes.count)
            try value.forEach(.blob(key.bytes)) { row in
                let bytes = try StoreTables.value(row)
                entry.value = bytes
                try meter.count(bytes.count)
            }
            try children.forEach(.blob(key.bytes)) { row in
                let child = try Self.key(row, 0, of: "prefix_entries")
                try meter.count(child.bytes.count)
                entry.children.append(child)
            }
            var tenure: Tenure?
            if let change = tail.changes[LeaseName(key)] {
                tenure = change.tenure
            } else {
                try lease.forEach(.blob(key.bytes)) { tenure = try LeaseTable.decode($0).tenure }
            }
            if let tenure, tenure.ending(at: now.boot) == nil {
                try meter.count(tenure.holder.owner.text.utf8.count)
                entry.lease = EntryLease(tenure, at: now)
            }
            return entry
        }
    }

    // MARK: - Rows

    /// How many rows to read: one more than allowed shows that there are too many.
    func length(_ count: Int) -> Int {
        max(min(count, limits.elements == .max ? .max : limits.elements + 1), 0)
    }

    func each(_ sql: String, _ values: SQLValue..., body: (SQLRow) throws -> Bool) throws {
        let statement = try HeldStatement(sql, on: database)
        defer { statement.finalize() }
        try statement.scan(values, while: body)
    }

    func one<Value>(_ sql: String, _ values: SQLValue..., body: (SQLRow) throws -> Value) throws -> Value? {
        let statement = try HeldStatement(sql, on: database)
        defer { statement.finalize() }
        var value: Value?
        try statement.scan(values) { row in
            value = try body(row)
            return false
        }
        return value
    }

    static func key(_ row: SQLRow, _ column: Int32, of table: String) throws -> Key {
        guard let key = row.bytes(column).flatMap({ try? Key($0) }) else { throw MalformedRow(table: table) }
        return key
    }

    static func kinds(_ row: SQLRow, _ column: Int32) throws -> [KeyKind] {
        guard let bits = row.integer(column), bits != 0 else { throw MalformedRow(table: "key_trackers") }
        return KeyKinds(rawValue: bits).list
    }
}

extension EntryLease {
    /// A tenure in force, with every field, as of `now`; of two ends the earlier.
    init(_ tenure: Tenure, at now: Moment) {
        self.init(
            token: tenure.token,
            // What is left, on the present wall clock: at the grant it may have been set differently. The two clocks are read
            // one after the other, so that the same end differs by microseconds each time.
            expiresAt: now.wall.advanced(by: tenure.remaining(at: now.boot)).nearestMillisecond,
            fence: tenure.fence,
            ttl: tenure.ttl,
            uid: tenure.holder.uid,
            owner: tenure.holder.owner
        )
    }
}
