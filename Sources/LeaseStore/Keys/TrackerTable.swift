/// The table `key_trackers`, as the writer uses it: a row for each key that has anything.
///
/// A key's hash is computed when it gets its tracker, and not again while it has one.
struct TrackerTable {
    private let select: HeldStatement
    private let insert: HeldStatement
    private let update: HeldStatement
    private let delete: HeldStatement
    private let keyHash: KeyHash

    init(_ held: HeldStatements, keyHash: KeyHash) throws {
        self.keyHash = keyHash
        select = try held.prepare("SELECT kinds FROM key_trackers WHERE key = ?")
        insert = try held.prepare("INSERT INTO key_trackers (key, hash, kinds) VALUES (?, ?, ?)")
        update = try held.prepare("UPDATE key_trackers SET kinds = ? WHERE key = ?")
        delete = try held.prepare("DELETE FROM key_trackers WHERE key = ?")
    }

    /// What the key has; empty if it has no tracker.
    func kinds(of key: [UInt8]) throws -> KeyKinds {
        var kinds = KeyKinds()
        try select.forEach(.blob(key)) { row in
            guard let bits = row.integer(0), bits != 0 else { throw MalformedRow(table: "key_trackers") }
            kinds = KeyKinds(rawValue: bits)
        }
        return kinds
    }

    /// Adds kinds to the key's tracker, creating it if it is missing.
    func add(_ kinds: KeyKinds, to key: [UInt8]) throws {
        let present = try self.kinds(of: key)
        if present.isEmpty {
            try insert.run(.blob(key), .integer(keyHash.stored(key)), .integer(kinds.rawValue))
        } else if !present.isSuperset(of: kinds) {
            try update.run(.integer(present.union(kinds).rawValue), .blob(key))
        }
    }

    /// Removes kinds from the key's tracker; the tracker goes with the last one.
    func remove(_ kinds: KeyKinds, from key: [UInt8]) throws {
        let present = try self.kinds(of: key)
        let rest = present.subtracting(kinds)
        if rest.isEmpty {
            try delete.run(.blob(key))
        } else if rest != present {
            try update.run(.integer(rest.rawValue), .blob(key))
        }
    }
}
