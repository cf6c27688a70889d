import LeaseCore

/// The tables `simple_entries`, with `large_values`, and `prefix_entries`, as the writer uses them; each key's tracker
/// is updated at once.
///
/// A value longer than ``longestBeside`` is a row of `large_values` that its key's row refers to, since a search reads
/// everything that stands beside the keys it passes. Triggers remove such a row with the last row that refers to it.
struct StoreTables {
    /// The most bytes of a value that stands beside its key: with the longest key it fills at most a page and a half.
    static let longestBeside = 512

    private let selectValue: HeldStatement
    private let upsertValue: HeldStatement
    private let insertLargeValue: HeldStatement
    private let upsertLarge: HeldStatement
    private let deleteValue: HeldStatement
    private let selectChild: HeldStatement
    private let selectAnyChild: HeldStatement
    private let insertChild: HeldStatement
    private let deleteChild: HeldStatement
    private let deleteChildren: HeldStatement
    private let countSomeChildren: HeldStatement
    private let trackers: TrackerTable

    /// The value, or NULL if the row that it should be in is missing.
    static let valueOfKey = """
        SELECT CASE WHEN large IS NULL THEN value ELSE (SELECT value FROM large_values WHERE id = large) END
        FROM simple_entries WHERE key = ?
        """
    static let childOfKey = "SELECT 1 FROM prefix_entries WHERE prefix = ? AND child = ?"

    init(_ held: HeldStatements, trackers: TrackerTable) throws {
        self.trackers = trackers
        selectValue = try held.prepare(Self.valueOfKey)
        upsertValue = try held.prepare(
            """
            INSERT INTO simple_entries (key, value) VALUES (?, ?)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value, large = NULL
            """
        )
        insertLargeValue = try held.prepare("INSERT INTO large_values (value) VALUES (?)")
        upsertLarge = try held.prepare(
            """
            INSERT INTO simple_entries (key, value, large) VALUES (?, x'', last_insert_rowid())
            ON CONFLICT (key) DO UPDATE SET value = excluded.value, large = excluded.large
            """
        )
        deleteValue = try held.prepare("DELETE FROM simple_entries WHERE key = ?")
        selectChild = try held.prepare(Self.childOfKey)
        selectAnyChild = try held.prepare("SELECT 1 FROM prefix_entries WHERE prefix = ? LIMIT 1")
        insertChild = try held.prepare(
            "INSERT OR IGNORE INTO prefix_entries (prefix, child) VALUES (?, ?)"
        )
        deleteChild = try held.prepare("DELETE FROM prefix_entries WHERE prefix = ? AND child = ?")
        deleteChildren = try held.prepare("DELETE FROM prefix_entries WHERE prefix = ?")
        countSomeChildren = try held.prepare(
            "SELECT count(*) FROM (SELECT 1 FROM prefix_entries WHERE prefix = ? LIMIT ?)"
        )
    }

    // MARK: - Looking

    /// The key's simple value, or `nil` if it has none.
    func value(of key: Key) throws -> [UInt8]? {
        var value: [UInt8]?
        try selectValue.forEach(.blob(key.bytes)) { value = try Self.value($0) }
        return value
    }

    /// The value in a row of ``valueOfKey``.
    ///
    /// - Throws: ``MalformedRow`` if it is missing: the file is damaged.
    static func value(_ row: SQLRow) throws -> [UInt8] {
        guard let value = row.bytes(0) else { throw MalformedRow(table: "large_values") }
        return value
    }

    func contains(_ child: Key, under key: Key) throws -> Bool {
        try selectChild.hasRow(.blob(key.bytes), .blob(child.bytes))
    }

    /// Which of these tables' kinds the key has.
    func kinds(of key: Key) throws -> KeyKinds {
        try trackers.kinds(of: key.bytes).intersection([.simple, .prefix])
    }

    // MARK: - Changing

    func put(_ value: [UInt8], for key: Key) throws {
        if value.count > Self.longestBeside {
            try insertLargeValue.run(.blob(value))
            try upsertLarge.run(.blob(key.bytes))
        } else {
            try upsertValue.run(.blob(key.bytes), .blob(value))
        }
        try trackers.add(.simple, to: key.bytes)
    }

    func removeValue(of key: Key) throws {
        try deleteValue.run(.blob(key.bytes))
        try trackers.remove(.simple, from: key.bytes)
    }

    /// Puts the child under the key; does nothing if it is already there.
    func insert(_ child: Key, under key: Key) throws {
        try insertChild.run(.blob(key.bytes), .blob(child.bytes))
        try trackers.add(.prefix, to: key.bytes)
    }

    func remove(_ child: Key, under key: Key) throws {
        try deleteChild.run(.blob(key.bytes), .blob(child.bytes))
        guard try !selectAnyChild.hasRow(.blob(key.bytes)) else { return }
        try trackers.remove(.prefix, from: key.bytes)
    }

    /// How many children the key has, or `most` if it has more.
    func countChildren(of key: Key, upTo most: Int) throws -> Int {
        var count: Int64 = 0
        try countSomeChildren.scan(.blob(key.bytes), .integer(Int64(most))) { row in
            count = row.integer(0) ?? 0
            return false
        }
        return Int(count)
    }

    /// Removes the value and the children of the key.
    func removeAll(of key: Key) throws {
        try deleteValue.run(.blob(key.bytes))
        try deleteChildren.run(.blob(key.bytes))
        try trackers.remove([.simple, .prefix], from: key.bytes)
    }

    /// Overwrites the value, and adds the children, of the entry.
    func merge(_ entry: StoreEntry) throws {
        if let value = entry.value {
            try put(value, for: entry.key)
        }
        for child in entry.children {
            try insertChild.run(.blob(entry.key.bytes), .blob(child.bytes))
        }
        if !entry.children.isEmpty {
            try trackers.add(.prefix, to: entry.key.bytes)
        }
    }
}
