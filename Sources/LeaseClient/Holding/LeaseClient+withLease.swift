public import LeaseCore

extension LeaseClient {
    /// Runs `body` while a lease is held.
    ///
    /// Acquires the lease, renews it for as long as `body` runs, and releases it at the end, also when `body` throws or the
    /// task is cancelled. If the lease is lost, `body` is cancelled, and the call throws when it has ended: what it did in
    /// the meantime was done without the lease, so let resources compare ``HeldLease/fence``.
    ///
    /// - Parameters:
    ///   - owner: what the holder calls itself; by default the daemon takes this process's command name.
    ///   - grace: how long before the deadline a lease counts as lost that the daemon will not renew, so that `body` has
    ///     time to stop; by default a tenth of the TTL.
    ///   - body: the work. It is handed the lease, and runs in a child task.
    /// - Returns: what `body` returns.
    /// - Throws: ``LeaseClientError`` if the lease cannot be acquired, with ``LeaseClientError/Code/conflict`` if it is held;
    ///   with ``LeaseClientError/Code/revoked`` or ``LeaseClientError/Code/expired`` if it was lost; else what `body` throws.
    ///   The lease is then free, or ends by its TTL if the daemon cannot be reached.
    public func withLease<Result: Sendable>(
        _ name: LeaseName,
        ttl: TTL,
        owner: String? = nil,
        grace: Duration? = nil,
        body: @escaping @Sendable (HeldLease) async throws -> Result
    ) async throws -> Result {
        let held = HeldLease(try await acquire(name, ttl: ttl, owner: owner))
        let keeper = LeaseKeeper(client: self, held: held, grace: grace ?? ttl.duration / 10)
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
                // Whichever ends first ends the other; then both have ended.
                group.cancelAll()
                if case .finished(let result) = ending { outcome = result }
            }
            return outcome ?? .failure(LeaseClientError.cancelled)
        }
        if held.loss?.reason != .expired {
            await giveBack(name, fence: held.fence, token: held.lease.token)
        }
        if let loss = held.loss {
            throw LeaseClientError(loss.reason == .revoked ? .revoked : .expired, loss.message)
        }
        return try outcome.get()
    }
}

/// How one of the two tasks of `withLease` ended.
private enum Ending<Success: Sendable>: Sendable {
    case finished(Result<Success, any Error>)
    case kept(LeaseLoss?)
}
