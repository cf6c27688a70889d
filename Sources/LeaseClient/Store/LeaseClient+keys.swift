public import LeaseCore
internal import LeaseWire

/// Keys, whatever they have: a simple value, children, a lease.
extension LeaseClient {
    /// Lists keys in byte order, with the kinds of value that each has.
    ///
    /// ``allKeys(prefix:pageSize:)`` goes through a list of any length.
    ///
    /// - Parameters:
    ///   - prefix: only keys that begin with these bytes.
    ///   - after: only keys after this one, which need not exist.
    ///   - count: the most to return.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if the list is too long and there is no
    ///   `count`.
    public func keys(
        prefix: [UInt8] = [],
        after: Key? = nil,
        count: Int? = nil
    ) async throws(LeaseClientError) -> [ListedKey] {
        try await list(.keys(prefix: prefix, after: after, count: count), "KEYS LIST") { ListedKey($0) }
    }

    /// The keys in byte order, page by page.
    ///
    /// A key that exists throughout appears once, whatever is added and removed meanwhile.
    public func allKeys(prefix: [UInt8] = [], pageSize: Int = 1000) -> PagedList<ListedKey> {
        PagedList(pageSize: pageSize) { last, count throws(LeaseClientError) in
            try await keys(prefix: prefix, after: last?.key, count: count)
        }
    }

    /// Lists the keys whose hash lies on the ring after `low` and up to `high`, by hash, then key.
    ///
    /// The range wraps if `low >= high`; equal bounds mean all keys. ``allKeysInRange(low:high:pageSize:)`` goes
    /// through a list of any length.
    ///
    /// - Parameters:
    ///   - low: the hash just before the range.
    ///   - high: the last hash in the range.
    ///   - after: only keys after this one, which need not exist.
    ///   - count: the most to return.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if the list is too long and there is no
    ///   `count`.
    public func keysInRange(
        low: UInt64,
        high: UInt64,
        after: Key? = nil,
        count: Int? = nil
    ) async throws(LeaseClientError) -> [Key] {
        try await list(.keys(above: low, upTo: high, after: after, count: count), "KEYS RANGE") { reply in
            // A key alone, or with its kinds as in KEYS LIST.
            reply.bytes.flatMap { try? Key($0) } ?? ListedKey(reply)?.key
        }
    }

    /// The keys whose hash lies on the ring after `low` and up to `high`, by hash, then key, page by page.
    ///
    /// A key that exists throughout appears once, whatever is added and removed meanwhile.
    public func allKeysInRange(low: UInt64, high: UInt64, pageSize: Int = 1000) -> PagedList<Key> {
        PagedList(pageSize: pageSize) { last, count throws(LeaseClientError) in
            try await keysInRange(low: low, high: high, after: last, count: count)
        }
    }

    /// A key's hash, and the kinds of value that it has.
    ///
    /// Returns `nil` if it has none.
    public func tracker(of key: Key) async throws(LeaseClientError) -> KeyTracker? {
        let reply = try await reply(to: .tracker(of: key))
        guard !reply.isNull else { return nil }
        guard let tracker = KeyTracker(reply) else { throw .unexpected("KEYS TRACKER") }
        return tracker
    }

    /// Removes keys with all they have, in one transaction; a lease in force ends at once.
    ///
    /// - Returns: how many existed.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/denied`` if one has a lease in force and the caller is
    ///   not an administrator, ``LeaseClientError/Code/tooBig`` if together they have more children than the daemon's
    ///   limit (250,000 by default). Nothing was removed then.
    @discardableResult
    public func removeKeys(_ keys: [Key]) async throws(LeaseClientError) -> Int {
        guard !keys.isEmpty else { return 0 }
        return try await count(.removeKeys(keys), "KEYS REMOVE")
    }
}
