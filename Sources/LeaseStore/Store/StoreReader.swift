import GRDB
import LeaseCore

/// The answers to queries, out of one snapshot.
///
/// Every list is entered through an index where it begins and left where it ends: what is read is in proportion to what is
/// answered, not to what the store holds.
struct StoreReader {
    private let database: Database
    private let keyHash: KeyHash
    private let limits: ListLimits

    init(_ database: Database, keyHash: KeyHash, limits: ListLimits) {
        self.database = database
        self.keyHash = keyHash
        self.limits = limits
    }

    func answer(to query: StoreQuery) throws -> StoreListing {
        switch query {
        case .value(let key):
            .value(try one(StoreTables.valueOfKey, .blob(key.bytes)) { $0.bytes(0) } ?? nil)
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

    private func leases(_ page: LeasePage) throws -> [(name: LeaseName, tenure: Tenure)] {
        var page = page
        page.count = length(page.count)
        var meter = ListMeter(limits)
        let rows = try Ledger.rows(of: page, in: database)
        for row in rows {
            try meter.count(row.name.bytes.count)
        }
        return rows
    }

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

    static let keysFrom = "SELECT key, kinds FROM key_trackers WHERE key >= ? ORDER BY key LIMIT ?"
    static let keysAfter = "SELECT key, kinds FROM key_trackers WHERE key > ? ORDER BY key LIMIT ?"

    func trackedKeys(prefix: [UInt8], after: Key?, count: Int) throws -> [(key: Key, kinds: [KeyKind])] {
        var meter = ListMeter(limits)
        var keys: [(key: Key, kinds: [KeyKind])] = []
        // The later of the two bounds is where the index is entered.
        let start = after.map(\.bytes).flatMap { $0.lexicographicallyPrecedes(prefix) ? nil : $0 }
        let sql = start == nil ? Self.keysFrom : Self.keysAfter
        try each(sql, .blob(start ?? prefix), .integer(Int64(length(count)))) { row in
            let key = try Self.key(row, 0, of: "key_trackers")
            guard key.bytes.starts(with: prefix) else { return false }
            try meter.count(key.bytes.count)
            keys.append((key, try Self.kinds(row, 1)))
            return true
        }
        return keys
    }

    /// The keys after a place on the ring, up to a hash, that hash included.
    static let ring = "SELECT key FROM key_trackers WHERE (hash, key) > (?, ?) AND hash <= ? ORDER BY hash, key LIMIT ?"

    func keys(low: UInt64, high: UInt64, after: Key?, count: Int) throws -> [Key] {
        var meter = ListMeter(limits)
        var keys: [Key] = []
        let start = try after.map { (hash: try place(of: $0), key: $0.bytes) }
        for arc in RingInterval(low: low, high: high).arcs {
            // Every key is greater than the empty bytes, so that these enter an arc at its first one.
            let entry: (hash: UInt64, key: [UInt8]) =
                if let start, start.hash >= arc.lowerBound { start } else { (arc.lowerBound, []) }
            try each(
                Self.ring,
                .integer(KeyHash.stored(entry.hash)),
                .blob(entry.key),
                .integer(KeyHash.stored(arc.upperBound)),
                .integer(Int64(length(count) - keys.count))
            ) { row in
                let key = try Self.key(row, 0, of: "key_trackers")
                try meter.count(key.bytes.count)
                keys.append(key)
                return true
            }
        }
        return keys
    }

    /// Where a key stands on the ring, or stood, if it is gone.
    private func place(of key: Key) throws -> UInt64 {
        try tracker(of: key)?.hash ?? keyHash.function(key.bytes)
    }

    static let trackerOfKey = "SELECT hash, kinds FROM key_trackers WHERE key = ?"

    func tracker(of key: Key) throws -> KeyTracker? {
        try one(Self.trackerOfKey, .blob(key.bytes)) { row in
            guard let hash = row.integer(0) else { throw MalformedRow(table: "key_trackers") }
            return KeyTracker(hash: KeyHash.hash(stored: hash), kinds: try Self.kinds(row, 1))
        }
    }

    // MARK: - Export

    static let allChildren = "SELECT child FROM prefix_entries WHERE prefix = ? ORDER BY child"

    func entries(of keys: [Key], at now: Moment) throws -> [StoreEntry] {
        let value = try HeldStatement(StoreTables.valueOfKey, on: database)
        let children = try HeldStatement(Self.allChildren, on: database)
        let lease = try HeldStatement(LeaseTable.selectOne, on: database)
        defer { [value, children, lease].forEach { $0.finalize() } }
        var meter = ListMeter(limits)
        return try keys.map { key in
            var entry = StoreEntry(key: key)
            try meter.count(key.bytes.count)
            try value.forEach(.blob(key.bytes)) { row in
                entry.value = row.bytes(0)
                try meter.count(entry.value?.count ?? 0)
            }
            try children.forEach(.blob(key.bytes)) { row in
                let child = try Self.key(row, 0, of: "prefix_entries")
                try meter.count(child.bytes.count)
                entry.children.append(child)
            }
            try lease.forEach(.blob(key.bytes)) { row in
                let tenure = try LeaseTable.decode(row).tenure
                guard tenure.ending(at: now.boot) == nil else { return }
                try meter.count(tenure.holder.owner.text.utf8.count)
                entry.lease = EntryLease(tenure, at: now)
            }
            return entry
        }
    }

    // MARK: - Rows

    /// How many rows to read: one more than there may be tells that there are too many.
    private func length(_ count: Int) -> Int {
        max(min(count, limits.elements == .max ? .max : limits.elements + 1), 0)
    }

    private func each(_ sql: String, _ values: SQLValue..., body: (SQLRow) throws -> Bool) throws {
        let statement = try HeldStatement(sql, on: database)
        defer { statement.finalize() }
        try statement.scan(values, while: body)
    }

    private func one<Value>(_ sql: String, _ values: SQLValue..., body: (SQLRow) throws -> Value) throws -> Value? {
        let statement = try HeldStatement(sql, on: database)
        defer { statement.finalize() }
        var value: Value?
        try statement.scan(values) { row in
            value = try body(row)
            return false
        }
        return value
    }

    private static func key(_ row: SQLRow, _ column: Int32, of table: String) throws -> Key {
        guard let key = row.bytes(column).flatMap({ try? Key($0) }) else { throw MalformedRow(table: table) }
        return key
    }

    private static func kinds(_ row: SQLRow, _ column: Int32) throws -> [KeyKind] {
        guard let bits = row.integer(column), bits != 0 else { throw MalformedRow(table: "key_trackers") }
        return KeyKinds(rawValue: bits).list
    }
}

extension EntryLease {
    /// A tenure in force, with every field, as it is at `now`; of two ends the nearer.
    init(_ tenure: Tenure, at now: Moment) {
        self.init(
            token: tenure.token,
            // What is left, on this instant's wall clock: the one at the grant may have been another.
            expiresAt: now.wall.advanced(by: tenure.remaining(at: now.boot)),
            fence: tenure.fence,
            ttl: tenure.ttl,
            uid: tenure.holder.uid,
            owner: tenure.holder.owner
        )
    }
}
