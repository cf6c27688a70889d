public import LeaseCore

/// Keys with everything they have: lists by name and by hash, removal, export and import.
///
/// A list shows every kind, leases included, as of one instant between the call and its answer. It is read through an
/// index beside the writer: its cost is proportional to its length, and to what was written since the last list, not to
/// the store's size. Lists and reads throw ``StoreError`` if the store is closed or its file cannot be read.
extension LeaseStore {
    /// The keys that have anything, with their kinds, by key.
    ///
    /// - Parameters:
    ///   - prefix: Only keys that begin with these bytes.
    ///   - after: Only keys after this one, which need not exist.
    ///   - count: At most this many.
    public func listKeys(
        prefix: [UInt8] = [],
        after: Key? = nil,
        count: Int = .max
    ) async throws -> [ListedKey] {
        let query = StoreQuery.keys(prefix: prefix, after: after, count: count)
        guard case .trackedKeys(let keys) = try await list({ _ in query }) else { throw unexpectedAnswer }
        return keys
    }

    /// The keys whose hash lies in the interval (low, high] of the ring of unsigned 64-bit numbers.
    ///
    /// They are ordered by ascending hash, then by key, even if the interval wraps: `low >= high` leads over the top,
    /// and `low == high` is the whole ring.
    ///
    /// - Parameters:
    ///   - low: The exclusive lower end.
    ///   - high: The inclusive upper end.
    ///   - after: Only keys whose place in that order is after this one's, which need not exist.
    ///   - count: At most this many.
    public func rangeKeys(_ low: UInt64, _ high: UInt64, after: Key? = nil, count: Int = .max) async throws -> [Key] {
        let query = StoreQuery.range(low: low, high: high, after: after, count: count)
        guard case .keys(let keys) = try await list({ _ in query }) else { throw unexpectedAnswer }
        return keys
    }

    /// What a key has, and its hash.
    ///
    /// Returns `nil` if it has nothing.
    public func tracker(of key: Key) async throws -> KeyTracker? {
        guard case .tracker(let tracker) = try await list({ _ in .tracker(key) }) else { throw unexpectedAnswer }
        return tracker
    }

    /// Removes keys with everything they have, in one transaction; a lease in force is revoked at once.
    ///
    /// - Returns: How many of them had anything.
    /// - Throws: `LeaseError.Code.expired` if the guard's token is not in force, `LeaseError.Code.ioError` if the disk
    ///   is full, and ``StoreError`` if the store is closed or has failed. Nothing is removed then.
    @discardableResult
    public func removeKeys(_ keys: [Key], if guard: LeaseGuard? = nil) async throws -> Int {
        guard case .removed(let count, _) = try await perform(.removeKeys(keys), if: `guard`) else {
            throw unexpectedAnswer
        }
        return count
    }

    /// Everything that the keys have, in one snapshot, in the order of the keys; a key that has nothing is an empty
    /// entry.
    public func export(_ keys: [Key]) async throws -> [StoreEntry] {
        guard case .entries(let entries) = try await list({ .export(keys, at: $0) }) else { throw unexpectedAnswer }
        return entries
    }

    /// Imports entries, all or none, in one transaction.
    ///
    /// Values overwrite, and children are added. A past lease is skipped; a lease replaces the tenure with its fence.
    /// Every token in the entries, even that of a past lease, raises this store's: later tokens are greater.
    ///
    /// - Throws: `LeaseError.Code.conflict` if a lease is held with another fence,
    ///   `LeaseError.Code.invalidRequest` if a lease's token is above
    ///   `EntryLease.highestToken`, its fence above its token, or its end too far,
    ///   `LeaseError.Code.busy` if the file has its full size, or there would be too many leases,
    ///   `LeaseError.Code.tooBig` if a value is longer than 512 MiB,
    ///   `LeaseError.Code.ioError` if the disk is full.
    public func `import`(_ entries: [StoreEntry], if guard: LeaseGuard? = nil) async throws {
        _ = try await perform(.importEntries(entries), if: `guard`)
    }
}
