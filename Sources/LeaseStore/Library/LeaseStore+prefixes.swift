public import LeaseCore

/// Prefixes: a key's set of children, in byte order.
///
/// A child may be under any number of keys. For `if:` see ``put(_:for:if:)``.
extension LeaseStore {
    /// Puts a child under a key.
    ///
    /// - Throws: `LeaseError.Code.exists` if this key has the child already,
    ///   `LeaseError.Code.busy` if the file has its full size.
    public func append(_ child: Key, to key: Key, if guard: LeaseGuard? = nil) async throws {
        _ = try await perform(.append(key, child: child), if: `guard`)
    }

    /// The children of a key, in byte order.
    ///
    /// Returns an empty list if it has none. With `after` and `count` a long list is read in pages: a child that is
    /// there throughout is seen exactly once.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - after: Only children after this one, which need not exist.
    ///   - count: At most this many.
    public func children(of key: Key, after: Key? = nil, count: Int = .max) async throws -> [Key] {
        let query = StoreQuery.children(of: key, after: after, count: count)
        guard case .keys(let children) = try await read(query) else { throw unexpectedAnswer }
        return children
    }

    /// Whether a key has the child.
    public func contains(_ child: Key, under key: Key) async throws -> Bool {
        guard case .flag(let isThere) = try await read(.contains(key, child: child)) else { throw unexpectedAnswer }
        return isThere
    }

    /// Removes a child of a key.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    public func removeChild(_ child: Key, from key: Key, if guard: LeaseGuard? = nil) async throws -> Bool {
        try await perform(.removeChild(key, child: child), if: `guard`) == .flag(true)
    }
}
