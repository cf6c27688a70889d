public import LeaseCore

extension LeaseClient {
    /// Acquires a lease, and waits for it if asked to.
    ///
    /// A waiting call joins the lease's queue, first come, first served, on a separate connection. If that connection
    /// is lost, as when the daemon restarts, it joins again with the time it has left.
    ///
    /// If the task is cancelled, the call leaves the queue and releases a lease that was granted in the meantime. So a
    /// cancelled acquire leaves no lease behind, or one that ends by its TTL, if the daemon could not be reached again.
    /// If the daemon hangs, this may take as long as ``Configuration/connectTimeout``.
    ///
    /// - Parameters:
    ///   - name: the lease.
    ///   - ttl: how long it lasts unless it is renewed.
    ///   - wait: how long to wait for a lease that is held; not at all by default.
    ///   - owner: the holder's label, at most 256 bytes; by default the daemon takes this process's command name.
    ///   - request: the id of this attempt. A repetition by the same user answers the same grant.
    /// - Returns: the lease. Its deadline is counted from when the request was sent or, after a wait, from when the
    ///   daemon was asked for the time left.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/conflict`` if the lease is held, even by this caller,
    ///   and there is no wait; ``LeaseClientError/Code/timeout`` if the wait ended before it became free;
    ///   ``LeaseClientError/Code/connectionFailed`` if the daemon cannot be reached at first, or was away when the wait
    ///   ended.
    public func acquire(
        _ name: LeaseName,
        ttl: TTL,
        wait: LeaseWait = .none,
        owner: String? = nil,
        request: RequestID = .random()
    ) async throws(LeaseClientError) -> Lease {
        let attempt = try AcquireAttempt(client: self, name: name, ttl: ttl, owner: owner, request: request)
        switch wait {
        case .none: return try await attempt.ask()
        case .upTo(let duration) where duration <= .zero: return try await attempt.ask()
        case .upTo, .forever: return try await attempt.wait(wait).lease
        }
    }

    /// Acquires a lease that also ends with this process.
    ///
    /// It is bound to a separate connection and ends at the earlier of its TTL and the end of that connection. The
    /// connection is closed by ``LeaseBinding/close()``, when the binding is dropped, or when the process ends in any
    /// way. After a restart of the daemon the lease goes on by time alone until ``bind(_:)``.
    ///
    /// All else is as with ``acquire(_:ttl:wait:owner:request:)``.
    public func acquireBound(
        _ name: LeaseName,
        ttl: TTL,
        wait: LeaseWait = .none,
        owner: String? = nil,
        request: RequestID = .random()
    ) async throws(LeaseClientError) -> (lease: Lease, binding: LeaseBinding) {
        let attempt = try AcquireAttempt(client: self, name: name, ttl: ttl, owner: owner, request: request)
        let (lease, connection) = try await attempt.wait(wait, isBound: true)
        guard let connection else { preconditionFailure("a bound lease came without its connection") }
        return (lease, LeaseBinding(connection))
    }
}
