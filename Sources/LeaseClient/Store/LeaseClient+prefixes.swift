public import LeaseCore
internal import LeaseWire

/// Prefixes: each key may have any number of children, a set in byte order.
extension LeaseClient {
    /// Adds a child to a key.
    ///
    /// - Parameters:
    ///   - child: the child.
    ///   - key: the key that gets it.
    ///   - condition: the lease that must be held, or `nil` for none.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/exists`` if the key already has the child,
    ///   ``LeaseClientError/Code/expired`` if the condition does not hold, which is checked first.
    public func append(
        _ child: Key,
        to key: Key,
        if condition: LeaseGuard? = nil
    ) async throws(LeaseClientError) {
        try await confirm(.append(child, to: key, if: condition), "PREFIX APPEND")
    }

    /// Lists the children of a key in byte order; empty if it has none.
    ///
    /// ``allChildren(of:pageSize:)`` goes through a list of any length.
    ///
    /// - Parameters:
    ///   - key: the key.
    ///   - after: only children after this one, which need not exist.
    ///   - count: the most to return.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if the list is too long and there is no
    ///   `count`.
    public func children(
        of key: Key,
        after: Key? = nil,
        count: Int? = nil
    ) async throws(LeaseClientError) -> [Key] {
        try await list(.children(of: key, after: after, count: count), "PREFIX LIST") {
            $0.bytes.flatMap { try? Key($0) }
        }
    }

    /// The children of a key in byte order, page by page.
    ///
    /// A child that exists throughout appears once, whatever is added and removed meanwhile.
    public func allChildren(of key: Key, pageSize: Int = 1000) -> PagedList<Key> {
        PagedList(pageSize: pageSize) { last, count throws(LeaseClientError) in
            try await children(of: key, after: last, count: count)
        }
    }

    /// Whether a key has a child.
    public func contains(_ child: Key, under key: Key) async throws(LeaseClientError) -> Bool {
        try await count(.contains(child, under: key), "PREFIX CONTAINS") != 0
    }

    /// Removes a child from a key.
    ///
    /// - Parameters:
    ///   - child: the child.
    ///   - key: the key that has it.
    ///   - condition: the lease that must be held, or `nil` for none.
    /// - Returns: whether it existed.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the condition does not hold; nothing was
    ///   removed then.
    @discardableResult
    public func removeChild(
        _ child: Key,
        from key: Key,
        if condition: LeaseGuard? = nil
    ) async throws(LeaseClientError) -> Bool {
        try await count(.remove(child, from: key, if: condition), "PREFIX REMOVE") != 0
    }
}
