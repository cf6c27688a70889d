import LeaseCore

/// Lists of keys, by name and by hash.
extension StoreReader {
    static let keysFrom = "SELECT key, kinds FROM key_trackers WHERE key >= ? ORDER BY key LIMIT ?"
    static let keysAfter = "SELECT key, kinds FROM key_trackers WHERE key > ? ORDER BY key LIMIT ?"

    func trackedKeys(prefix: [UInt8], after: Key?, count: Int) throws -> [ListedKey] {
        // The index is entered at the later of the two bounds.
        let start = after.map(\.bytes).flatMap { $0.lexicographicallyPrecedes(prefix) ? nil : $0 }
        var merge = TailMerge(try changedKeys(prefix: prefix, after: start), count: length(count))
        var meter = ListMeter(limits)
        var keys: [ListedKey] = []
        func emit(_ listed: ListedKey) throws {
            try meter.count(listed.key.bytes.count)
            keys.append(listed)
        }
        let sql = start == nil ? Self.keysFrom : Self.keysAfter
        try each(sql, .blob(start ?? prefix), .integer(Int64(merge.rows))) { row in
            let key = try Self.key(row, 0, of: "key_trackers")
            guard key.bytes.starts(with: prefix) else { return false }
            return try merge.row(at: key, ListedKey(key: key, kinds: try Self.kinds(row, 1)), emit: emit)
        }
        try merge.end(emit: emit)
        return keys
    }

    /// The keys within a list's bounds whose kinds differ from what their trackers say.
    private func changedKeys(prefix: [UInt8], after: [UInt8]?) throws -> [(place: Key, element: ListedKey?)] {
        let tail = try JournalTail(database)
        return try (tail.granted + tail.taken)
            .filter { key in
                key.bytes.starts(with: prefix) && (after.map { $0.lexicographicallyPrecedes(key.bytes) } ?? true)
            }
            .map { key in
                (place: key, element: try tracker(of: key, in: tail).map { ListedKey(key: key, kinds: $0.kinds) })
            }
    }

    /// The keys after a place on the ring, up to and including a hash.
    static let ring =
        "SELECT key, hash FROM key_trackers WHERE (hash, key) > (?, ?) AND hash <= ? ORDER BY hash, key LIMIT ?"

    func keys(low: UInt64, high: UInt64, after: Key?, count: Int) throws -> [Key] {
        var meter = ListMeter(limits)
        var keys: [Key] = []
        func emit(_ key: Key) throws {
            try meter.count(key.bytes.count)
            keys.append(key)
        }
        let start = try after.map { try place(of: $0) }
        let changes = try changedPlaces()
        for arc in RingInterval(low: low, high: high).arcs {
            // Every key is greater than no bytes, so this enters an arc at its first key.
            let entry =
                start.flatMap { $0.hash >= arc.lowerBound ? $0 : nil } ?? RingPlace(hash: arc.lowerBound, key: [])
            let within = changes.filter { entry < $0.place && $0.place.hash <= arc.upperBound }
            var merge = TailMerge(within, count: length(count) - keys.count)
            try each(
                Self.ring,
                .integer(KeyHash.stored(entry.hash)),
                .blob(entry.key),
                .integer(KeyHash.stored(arc.upperBound)),
                .integer(Int64(merge.rows))
            ) { row in
                let key = try Self.key(row, 0, of: "key_trackers")
                guard let hash = row.integer(1) else { throw MalformedRow(table: "key_trackers") }
                let place = RingPlace(hash: KeyHash.hash(stored: hash), key: key.bytes)
                return try merge.row(at: place, key, emit: emit)
            }
            try merge.end(emit: emit)
        }
        return keys
    }

    /// The keys that the tail adds to the ring, and those that it removes.
    private func changedPlaces() throws -> [(place: RingPlace, element: Key?)] {
        let tail = try JournalTail(database)
        let added = try tail.granted.filter { try storedTracker(of: $0) == nil }
        let removed = try tail.taken.filter { try storedTracker(of: $0)?.kinds == [.lease] }
        return try added.map { (place: try place(of: $0), element: $0) }
            + removed.map { (place: try place(of: $0), element: nil) }
    }

    /// The place of a key on the ring, even if it has no tracker.
    private func place(of key: Key) throws -> RingPlace {
        RingPlace(hash: try storedTracker(of: key)?.hash ?? keyHash.function(key.bytes), key: key.bytes)
    }

    // MARK: - One key

    static let trackerOfKey = "SELECT hash, kinds FROM key_trackers WHERE key = ?"

    func tracker(of key: Key) throws -> KeyTracker? {
        try tracker(of: key, in: JournalTail(database))
    }

    private func tracker(of key: Key, in tail: JournalTail) throws -> KeyTracker? {
        let stored = try storedTracker(of: key)
        guard let change = tail.changes[LeaseName(key)] else { return stored }
        // A lease is the last of the kinds.
        let kinds = (stored?.kinds ?? []).filter { $0 != .lease } + (change.tenure == nil ? [] : [.lease])
        return kinds.isEmpty ? nil : KeyTracker(hash: stored?.hash ?? keyHash.function(key.bytes), kinds: kinds)
    }

    private func storedTracker(of key: Key) throws -> KeyTracker? {
        try one(Self.trackerOfKey, .blob(key.bytes)) { row in
            guard let hash = row.integer(0) else { throw MalformedRow(table: "key_trackers") }
            return KeyTracker(hash: KeyHash.hash(stored: hash), kinds: try Self.kinds(row, 1))
        }
    }
}

/// A place on the ring, in the order of its lists: by hash, then by key.
private struct RingPlace: Comparable {
    let hash: UInt64
    let key: [UInt8]

    static func < (left: RingPlace, right: RingPlace) -> Bool {
        left.hash == right.hash ? left.key.lexicographicallyPrecedes(right.key) : left.hash < right.hash
    }
}
