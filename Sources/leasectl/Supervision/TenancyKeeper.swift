import LeaseClient
import LeaseCore

/// Acquires the lease of a run, keeps it, and gives it back: the part of `leasectl run` that talks to the daemon.
///
/// It is told to stop by the cancellation of its task, and tells what happens by ``post``, in the order of
/// ``Tenancy/Event``.
struct TenancyKeeper: Sendable {
    /// How long a release is tried when the daemon is away.
    private static let releasePatience: Duration = .seconds(5)
    /// Between two tries.
    private static let releasePause: Duration = .milliseconds(200)

    let client: LeaseClient
    let name: LeaseName
    let ttl: TTL
    let grace: Duration
    let owner: String
    let post: @Sendable (Tenancy.Event) -> Void

    /// Runs until the lease is given back, or was never granted.
    func run() async {
        let lease: Lease
        do throws(LeaseClientError) {
            lease = try await client.acquire(name, ttl: ttl, owner: owner)
        } catch {
            // A grant that crossed a cancellation was released by the client.
            post(.refused(Refusal(error)))
            return
        }
        post(.granted(Tenancy.Grant(name: name, fence: lease.fence, owner: owner, ttl: ttl)))

        let held = HeldLease(lease)
        if let loss = await LeaseKeeper(client: client, held: held, grace: grace).run() {
            post(.lost(loss.reason == .revoked ? .revoked(loss.message) : .expired(loss.message)))
            await Self.cancellation()
        }
        // A task of its own, since a cancelled one asks nothing more of the daemon; it ends within its patience.
        let result = await Task { await releasePatiently(held.lease) }.value
        post(.released(result))
    }

    /// Gives the lease back, also to a daemon that comes back soon; a daemon that hangs is not waited for any longer.
    private func releasePatiently(_ lease: Lease) async -> ReleaseResult {
        await withTaskGroup(of: ReleaseResult?.self) { group in
            group.addTask { await release(lease) }
            group.addTask {
                try? await Task.sleep(for: Self.releasePatience)
                return nil
            }
            var result = await group.next() ?? nil
            group.cancelAll()
            // The other one ends at once: with the reason why it could not be done, if the time was up.
            for await other in group { result = result ?? other }
            return result ?? .failed("the daemon does not answer")
        }
    }

    /// Gives the lease back, with the newest token that there is: the job may have renewed by itself.
    private func release(_ lease: Lease) async -> ReleaseResult {
        var token = lease.token
        var reason = "the daemon does not answer"
        while !Task.isCancelled {
            do throws(LeaseClientError) {
                try await client.release(name, token: token)
                return .released
            } catch {
                switch error.code {
                case .expired:
                    guard let newest = await newestToken(of: lease), newest != token else { return .wasOver }
                    token = newest
                case .connectionFailed, .connectionClosed, .timedOut, .busy, .ioError, .unavailable:
                    reason = error.message
                    try? await Task.sleep(for: Self.releasePause)
                case .cancelled: return .failed(reason)
                default: return .failed(error.message)
                }
            }
        }
        return .failed(reason)
    }

    /// The token that the lease's own tenure has now, or `nil` if that is over.
    private func newestToken(of lease: Lease) async -> Token? {
        guard let status = try? await client.holder(of: name), status.fence == lease.fence else { return nil }
        return status.token
    }

    /// Returns when the task is cancelled.
    private static func cancellation() async {
        let never = AsyncStream<Void>.makeStream()
        for await _ in never.stream {}
        never.continuation.finish()
    }
}
