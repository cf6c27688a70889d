public import LeaseCore
internal import LeaseWire

/// Entries: all that a key has, to copy it between stores.
extension LeaseClient {
    /// Reads all that keys have, in one snapshot: an entry for each key, in the same order.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if the answer would be too long.
    ///   ``entries(prefix:)`` goes through any number of keys.
    public func export(_ keys: [Key]) async throws(LeaseClientError) -> [StoreEntry] {
        guard !keys.isEmpty else { return [] }
        return try await list(.export(keys), "EXPORT") { StoreEntry($0) }
    }

    /// Writes entries in one transaction: all of them, or none.
    ///
    /// A simple value is overwritten; children are added to the existing ones. ``ImportBatch`` splits a long list, or
    /// an entry with many children, into pieces that fit.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if the entries do not fit into one command,
    ///   ``LeaseClientError/Code/denied`` for a lease if the caller is not an administrator,
    ///   ``LeaseClientError/Code/conflict`` for a lease that another holds. Nothing was written then.
    public func `import`(_ entries: [StoreEntry]) async throws(LeaseClientError) {
        guard !entries.isEmpty else { return }
        try await confirm(.importing(entries), "IMPORT")
    }

    /// The entries of all keys with a prefix, in key order, for any number of keys of any size.
    ///
    /// Each piece is read in its own snapshot. A key that is too big for one answer comes as several entries, its lease
    /// in the first; they can be imported in any order.
    public func entries(prefix: [UInt8] = []) -> EntryList {
        EntryList(client: self, prefix: prefix)
    }
}
