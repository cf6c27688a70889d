public import LeaseCore

extension LeaseClient {
    /// Waits until this caller leads, and runs `body` while it does; again and again, until `body` ends by itself.
    ///
    ///     try await client.campaign(LeaseName("scheduler"), ttl: TTL(.seconds(15))) { leadership in
    ///         try await schedule(fence: leadership.fence)
    ///     }
    ///
    /// Candidates stand in the lease's queue: the next one leads as soon as the leader resigns, or its process ends. When
    /// `body` returns or throws, the leader resigns: it gives the lease back, and the call ends. When the leadership is
    /// lost, `body` is cancelled; when it has ended, whatever it returned or threw, the call campaigns again, behind the
    /// others. What `body` did between the loss and its end was done without the lease: let resources compare
    /// ``HeldLease/fence``.
    ///
    /// A daemon that restarts or is away is waited for. Only before the first term is one that cannot be reached an error.
    ///
    /// - Parameters:
    ///   - holding: what keeps the lease with this process; by default it is bound, so that a leader that crashes hands over
    ///     at once.
    ///   - owner: what the candidate calls itself; by default the daemon takes this process's command name.
    ///   - grace: how long before the deadline the leadership counts as lost that the daemon will not renew; by default a
    ///     tenth of the TTL.
    ///   - body: the work of a leader. It is handed the lease, and runs in a child task.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws while it leads; ``LeaseClientError`` if the daemon refuses or cannot be reached at first,
    ///   and with ``LeaseClientError/Code/cancelled`` if the task is cancelled while it waits. In each case this caller does
    ///   not lead any more.
    public func campaign<Result: Sendable>(
        _ name: LeaseName,
        ttl: TTL,
        holding: LeaseHolding = .bound,
        owner: String? = nil,
        grace: Duration? = nil,
        body: @escaping @Sendable (HeldLease) async throws -> Result
    ) async throws -> Result {
        var hasLed = false
        var failures = 0
        while true {
            let held: HeldLease
            do throws(LeaseClientError) {
                held = try await acquire(
                    name,
                    ttl: ttl,
                    wait: .forever,
                    holding: holding,
                    owner: owner,
                    mayBeAway: hasLed
                )
            } catch {
                guard hasLed, error.mayPass else { throw error }
                failures += 1
                try? await Task.sleep(for: configuration.backoff(attempt: failures))
                continue
            }
            hasLed = true
            failures = 0
            if case .finished(let result) = await keep(held, grace: grace ?? ttl.duration / 10, body: body) {
                return try result.get()
            }
            // A leader that loses at once must not spin.
            try? await Task.sleep(for: configuration.backoff(attempt: 1))
        }
    }
}

extension LeaseClientError {
    /// Whether the same call may succeed a little later, because a daemon was away or short of something.
    fileprivate var mayPass: Bool {
        switch code {
        case .connectionFailed, .connectionClosed, .noAnswer, .busy, .ioError, .unavailable, .expired: true
        default: false
        }
    }
}
