public import LeaseCore

extension LeaseClient {
    /// Runs `body` while a lease is held.
    ///
    /// Acquires the lease, renews it while `body` runs, and releases it at the end, even if `body` throws or the task
    /// is cancelled. If the lease is lost, `body` is cancelled, and the call throws once it has ended. Between the loss
    /// and its end `body` worked without the lease: let resources compare ``HeldLease/fence``.
    ///
    /// - Parameters:
    ///   - name: the lease.
    ///   - ttl: how long it lasts after each grant and renewal.
    ///   - wait: how long to wait for a lease that is held; not at all by default.
    ///   - holding: what keeps the lease with this process; time alone by default.
    ///   - owner: the holder's label; by default the daemon takes this process's command name.
    ///   - grace: how long before the deadline the lease counts as lost if the daemon refuses to renew, so that `body`
    ///     has time to stop; by default a tenth of the TTL.
    ///   - body: the work. It receives the lease, and runs in a child task.
    /// - Returns: what `body` returns.
    /// - Throws: ``LeaseClientError`` if the lease cannot be acquired, as from ``acquire(_:ttl:wait:owner:request:)``;
    ///   with ``LeaseClientError/Code/revoked`` or ``LeaseClientError/Code/expired`` if it was lost, and
    ///   ``LeaseClientError/loss`` says how; otherwise what `body` throws. Afterwards the lease is free, or ends by its TTL
    ///   if the daemon cannot be reached.
    public func withLease<Result: Sendable>(
        _ name: LeaseName,
        ttl: TTL,
        wait: LeaseWait = .none,
        holding: LeaseHolding = .byTime,
        owner: String? = nil,
        grace: Duration? = nil,
        body: @escaping @Sendable (HeldLease) async throws -> Result
    ) async throws -> Result {
        let held = try await acquire(name, ttl: ttl, wait: wait, holding: holding, owner: owner)
        switch await keep(held, grace: grace ?? ttl.duration / 10, body: body) {
        case .finished(let result): return try result.get()
        case .lost(let loss): throw LeaseClientError(loss)
        }
    }

    /// Acquires a lease with its binding or tie.
    ///
    /// - Parameter mayBeAway: whether to wait for a daemon that cannot be reached.
    func acquire(
        _ name: LeaseName,
        ttl: TTL,
        wait: LeaseWait,
        holding: LeaseHolding,
        owner: String?,
        mayBeAway: Bool = false
    ) async throws(LeaseClientError) -> HeldLease {
        let attempt = try AcquireAttempt(client: self, name: name, ttl: ttl, owner: owner, request: .random())
        guard wait != .none || holding == .bound else {
            return try await attached(HeldLease(try await attempt.ask()), holding: holding)
        }
        let (lease, connection) = try await attempt.wait(wait, isBound: holding == .bound, mayBeAway: mayBeAway)
        let attachment = connection.map { LeaseAttachment.binding(LeaseBinding($0)) } ?? .none
        return try await attached(HeldLease(lease, attachment: attachment), holding: holding)
    }

    private func attached(_ held: HeldLease, holding: LeaseHolding) async throws(LeaseClientError) -> HeldLease {
        guard holding == .tied else { return held }
        do throws(LeaseClientError) {
            held.attached(.tie(try await tie(held.name, token: held.lease.token)))
            return held
        } catch {
            if error.code != .expired { await giveBack(held.name, fence: held.fence, token: held.lease.token) }
            throw error
        }
    }

    /// Runs `body` while a lease is kept, then releases it.
    func keep<Result: Sendable>(
        _ held: HeldLease,
        grace: Duration,
        body: @escaping @Sendable (HeldLease) async throws -> Result
    ) async -> Term<Result> {
        let keeper = LeaseKeeper(client: self, held: held, grace: grace)
        let outcome = await withTaskGroup(of: Ending<Result>.self) { group in
            group.addTask {
                do {
                    return .finished(.success(try await body(held)))
                } catch {
                    return .finished(.failure(error))
                }
            }
            group.addTask { .kept(await keeper.run()) }
            var outcome: Swift.Result<Result, any Error>?
            for await ending in group {
                // The first to end cancels the other; the loop waits for both.
                group.cancelAll()
                if case .finished(let result) = ending { outcome = result }
            }
            return outcome ?? .failure(LeaseClientError.cancelled)
        }
        if held.loss?.reason != .expired {
            await giveBack(held.name, fence: held.fence, token: held.lease.token)
        }
        // Only after the release, so that the tenure ends as released.
        held.attachment.close()
        return held.loss.map { .lost($0) } ?? .finished(outcome)
    }
}

/// How a term of holding a lease ended.
enum Term<Success: Sendable>: Sendable {
    /// The work ended, and the lease was released.
    case finished(Result<Success, any Error>)
    /// The lease was lost, and the work was cancelled.
    case lost(LeaseLoss)
}

/// How one of the two tasks of `keep` ended.
private enum Ending<Success: Sendable>: Sendable {
    case finished(Result<Success, any Error>)
    case kept(LeaseLoss?)
}
