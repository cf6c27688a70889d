public import LeaseCore
internal import LeaseWire

extension LeaseClient {
    /// Renews a lease by its newest token: its time begins again.
    ///
    /// This is the command itself, for callers that keep tokens; ``renew(_:ttl:)`` finds the newest token.
    ///
    /// - Returns: the new token, which is now the newest. The fence stays the same.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the token is not the newest of the tenure
    ///   in force, ``LeaseClientError/Code/revoked`` if the tenure is being ended by force.
    public func renew(
        _ name: LeaseName,
        token: Token,
        ttl: TTL,
        request: RequestID = .random()
    ) async throws(LeaseClientError) -> Token {
        let answer = try await answer(to: .renew(name, token: token, ttl: ttl, request: request))
        return try answer.token(of: "RENEW")
    }

    /// Releases a lease by its newest token: it is free.
    ///
    /// If the answer was lost and the repeated command finds the tenure over, the first one released it, or its time was
    /// up: that counts as success.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the token is not the newest of the tenure
    ///   in force.
    public func release(_ name: LeaseName, token: Token) async throws(LeaseClientError) {
        try await release(name, token: token, timeout: nil)
    }

    /// The time left of the tenure that a token or fence belongs to, in whole milliseconds, rounded down.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if it belongs to no tenure in force.
    public func check(_ name: LeaseName, token: Token) async throws(LeaseClientError) -> Duration {
        try await answer(to: .check(name, token: token)).milliseconds()
    }

    /// The holder of a lease.
    ///
    /// Returns `nil` if nobody does.
    public func holder(of name: LeaseName) async throws(LeaseClientError) -> LeaseStatus? {
        try await answer(to: .holder(name)).status()
    }

    /// Lists the held leases, by name.
    ///
    /// ``allLeases(prefix:pageSize:)`` goes through any number of them.
    ///
    /// - Parameters:
    ///   - prefix: what the names begin with.
    ///   - after: only names after this one, to page through a long list.
    ///   - count: the most to return.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if the list is too long and there is no
    ///   `count`.
    public func leases(
        prefix: [UInt8] = [],
        after: LeaseName? = nil,
        count: Int? = nil
    ) async throws(LeaseClientError) -> [LeaseStatus] {
        let reply = try await reply(to: .leases(prefix: prefix, after: after, count: count))
        guard let elements = reply.elements else { throw .unexpected("LEASES") }
        var leases: [LeaseStatus] = []
        leases.reserveCapacity(elements.count)
        for element in elements {
            guard let status = LeaseStatusReply(element) else { throw .unexpected("LEASES") }
            leases.append(LeaseStatus(status))
        }
        return leases
    }

    /// The held leases, by name, page by page.
    ///
    /// A lease that is held throughout appears once.
    public func allLeases(prefix: [UInt8] = [], pageSize: Int = 1000) -> PagedList<LeaseStatus> {
        PagedList(pageSize: pageSize) { last, count throws(LeaseClientError) in
            try await leases(prefix: prefix, after: last?.name, count: count)
        }
    }

    /// Ends a tenure by force: from now on it cannot be renewed.
    ///
    /// The command is never repeated after a lost connection, because it could hit another tenure.
    ///
    /// - Parameters:
    ///   - name: the lease.
    ///   - after: when it ends; by default at once, or after 30 s if it is tied.
    ///   - reason: for the holder and the log, at most 256 bytes.
    /// - Returns: whether there was a tenure.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/denied`` if the caller is neither an administrator nor
    ///   the user that was granted the lease.
    public func revoke(
        _ name: LeaseName,
        after: Duration? = nil,
        reason: String? = nil
    ) async throws(LeaseClientError) -> Bool {
        let reply = try await reply(to: .revoke(name, after: after, reason: try reason.map(Label.init(checking:))))
        guard let count = reply.integer else { throw .unexpected("REVOKE") }
        return count != 0
    }

    /// A new fencing token without a lease, greater than every earlier one.
    public func token() async throws(LeaseClientError) -> Token {
        try await answer(to: .plain("TOKEN")).token(of: "TOKEN")
    }
}
