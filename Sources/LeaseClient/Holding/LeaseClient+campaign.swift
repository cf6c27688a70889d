public import LeaseCore

extension LeaseClient {
    /// Waits until this caller leads and runs `body` while it does, again and again, until `body` ends by itself.
    ///
    ///     try await client.campaign(LeaseName("scheduler"), ttl: TTL(.seconds(15))) { leadership in
    ///         try await schedule(fence: leadership.fence)
    ///     }
    ///
    /// Candidates wait in the lease's queue: the next one leads as soon as the leader resigns or its process ends. When
    /// `body` returns or throws, the leader resigns: the lease is released, and the call ends. When the leadership is
    /// lost, `body` is cancelled; once it has ended, whatever it returned or threw, the call campaigns again, at the
    /// end of the queue. Between the loss and its end `body` worked without the lease: let resources compare
    /// ``HeldLease/fence``.
    ///
    /// The call waits for a daemon that restarts or is away. Only before the first term is an unreachable daemon an
    /// error.
    ///
    /// - Parameters:
    ///   - name: the lease.
    ///   - ttl: how long it lasts after each grant and renewal.
    ///   - holding: what keeps the lease with this process; by default it is bound, so that a crashed leader hands over
    ///     at once.
    ///   - owner: the candidate's label; by default the daemon takes this process's command name.
    ///   - grace: how long before the deadline the leadership counts as lost if the daemon refuses to renew; by default
    ///     a tenth of the TTL.
    ///   - body: the leader's work. It receives the lease, and runs in a child task.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws while it leads; ``LeaseClientError`` if the daemon refuses or cannot be reached at
    ///   first, and ``LeaseClientError/Code/cancelled`` if the task is cancelled while it waits. In each case this
    ///   caller no longer leads.
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
            // A leader that loses its lease at once must not spin.
            try? await Task.sleep(for: configuration.backoff(attempt: 1))
        }
    }
}

extension LeaseClientError {
    /// Whether the same call may succeed a little later, because the daemon was away or short of something.
    fileprivate var mayPass: Bool {
        switch code {
        case .connectionFailed, .connectionClosed, .noAnswer, .busy, .ioError, .unavailable, .expired: true
        default: false
        }
    }
}
