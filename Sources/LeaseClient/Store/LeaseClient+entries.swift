public import LeaseCore
internal import LeaseWire

/// Entries: all that a key has, to carry it from store to store.
extension LeaseClient {
    /// Reads all that keys have, in one snapshot; an entry for each key, in the same order.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if the answer would be too long.
    ///   ``entries(prefix:)`` goes through any number of keys.
    public func export(_ keys: [Key]) async throws(LeaseClientError) -> [StoreEntry] {
        guard !keys.isEmpty else { return [] }
        return try await list(.export(keys), "EXPORT") { StoreEntry($0) }
    }

    /// Writes entries in one transaction: all of them, or none.
    ///
    /// A simple value is overwritten, children are added to those that are there. ``ImportBatch`` cuts a long list, and
    /// an entry of many children, into pieces that fit.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if the entries do not fit into one command,
    ///   ``LeaseClientError/Code/denied`` for a lease if the caller is no administrator,
    ///   ``LeaseClientError/Code/conflict`` for a lease that another holds. Nothing was written then.
    public func `import`(_ entries: [StoreEntry]) async throws(LeaseClientError) {
        guard !entries.isEmpty else { return }
        try await confirm(.importing(entries), "IMPORT")
    }

    /// The entries of all keys with a prefix, in the order of the keys, for any number of keys of any size.
    ///
    /// Each piece is read in a snapshot of its own. What a key has comes in several entries if it is too much for one
    /// answer, its lease in the first; imported in any order they give the same.
    public func entries(prefix: [UInt8] = []) -> EntryList {
        EntryList(client: self, prefix: prefix)
    }
}
