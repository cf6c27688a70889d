public import LeaseCore

/// Leases.
extension LeaseStore {
    /// Grants the lease if it is free; any task that has the token can act as its holder.
    ///
    /// - Parameters:
    ///   - name: The lease.
    ///   - ttl: How long the grant lasts unless it is renewed.
    ///   - owner: What the holder calls itself.
    ///   - request: An id that makes it safe to ask again: the same id gets the same token.
    /// - Returns: The grant's token: the fence to hand to a resource, and the token to renew and release with.
    /// - Throws: `LeaseError.Code.conflict` if it is held, even by this process, `LeaseError.Code.busy` if
    ///   ``Configuration/maximumLeases`` are in force, `LeaseError.Code.ioError` if the disk is full. Nothing is
    ///   granted then.
    public func acquire(
        _ name: LeaseName,
        ttl: TTL,
        owner: Label = .empty,
        request: RequestID? = nil
    ) async throws -> Token {
        try await token(.acquire(ttl: ttl, owner: owner, request: request), on: name)
    }

    /// Moves the deadline to `ttl` from now and issues a new token, which replaces `token`.
    ///
    /// - Returns: The new token; the fence stays what it was.
    /// - Throws: `LeaseError.Code.expired` if `token` is not the newest one, `LeaseError.Code.revoked` if the tenure is
    ///   being ended by force, `LeaseError.Code.ioError` if the disk is full. The tenure is then as it was.
    public func renew(_ name: LeaseName, token: Token, ttl: TTL, request: RequestID? = nil) async throws -> Token {
        try await self.token(.renew(token: token, ttl: ttl, request: request), on: name)
    }

    /// Ends the tenure.
    ///
    /// - Throws: `LeaseError.Code.expired` if `token` is not the newest one, even if it has released the lease before.
    public func release(_ name: LeaseName, token: Token) async throws {
        _ = try await answer(to: .release(token: token), on: name)
    }

    /// The time left of the tenure whose fence or newest token is `token`.
    ///
    /// - Throws: `LeaseError.Code.expired` if no such tenure is in force.
    public func check(_ name: LeaseName, token: Token) async throws -> Duration {
        guard case .remaining(let left) = try await answer(to: .check(token: token), on: name) else {
            throw unexpectedAnswer
        }
        return left
    }

    /// The tenure in force.
    ///
    /// Returns `nil` if nobody holds the lease.
    public func tenure(of name: LeaseName) async throws -> Tenure? {
        guard case .tenure(let tenure) = try await answer(to: .holder, on: name) else { throw unexpectedAnswer }
        return tenure
    }

    /// Ends a tenure by force: at once, or after a time in which it cannot be renewed.
    ///
    /// - Parameters:
    ///   - name: The lease.
    ///   - after: The time until it ends; `nil` ends it at once.
    ///   - reason: Why, for the record.
    /// - Returns: Whether there was a tenure.
    /// - Throws: `LeaseError.Code.ioError` if the disk is full. The tenure is then as it was.
    public func revoke(_ name: LeaseName, after: Duration? = nil, reason: Label = .empty) async throws -> Bool {
        try await answer(to: .revoke(after: after, reason: reason), on: name) == .revoked(true)
    }

    /// Issues a fencing token without a lease: greater than every token issued before it.
    ///
    /// - Throws: `LeaseError.Code.ioError` if the disk is full, or tokens are exhausted.
    public func issueToken() async throws -> Token {
        try await inTurn { ledger, now in try ledger.issueToken(now: now) }
    }

    /// The leases in force, by name; one that ends between the call and its answer may be among them.
    ///
    /// - Parameters:
    ///   - prefix: Only names that begin with these bytes.
    ///   - after: Only names after this one, which need not exist.
    ///   - count: At most this many.
    public func leases(
        prefix: [UInt8] = [],
        after: LeaseName? = nil,
        count: Int = .max
    ) async throws -> [(name: LeaseName, tenure: Tenure)] {
        let page = LeasePage(prefix: prefix, after: after, count: count)
        guard case .leases(let leases) = try await list({ _ in .leases(page) }) else { throw unexpectedAnswer }
        return leases
    }

    private func token(_ request: LeaseRequest, on name: LeaseName) async throws -> Token {
        guard case .token(let token) = try await answer(to: request, on: name) else { throw unexpectedAnswer }
        return token
    }

    private func answer(to request: LeaseRequest, on name: LeaseName) async throws -> LeaseAnswer {
        let caller = caller
        return try await inTurn { ledger, now in try ledger.perform(request, on: name, by: caller, now: now).get() }
    }
}
