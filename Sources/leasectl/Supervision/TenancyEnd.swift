import LeaseClient
import LeaseCore

/// The end of a tenancy: its lease is given back, or left in place for a time, also by a daemon that comes back soon.
struct TenancyEnd: Sendable {
    /// How long it is tried when the daemon is away.
    private static let patience: Duration = .seconds(5)
    /// Between two tries.
    private static let pause: Duration = .milliseconds(200)

    let client: LeaseClient
    let lease: Lease

    /// Does what was ordered; a daemon that hangs is not waited for any longer than for one that is away.
    func carryOut(_ order: Tenancy.Order) async -> ReleaseResult {
        await withTaskGroup(of: ReleaseResult?.self) { group in
            group.addTask { await tried(order) }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                return nil
            }
            var result = await group.next() ?? nil
            group.cancelAll()
            // The other one ends at once: with the reason why it could not be done, if the time was up.
            for await other in group { result = result ?? other }
            return result ?? .failed("the daemon does not answer")
        }
    }

    private func tried(_ order: Tenancy.Order) async -> ReleaseResult {
        var order = order
        var token = lease.token
        var reason = "the daemon does not answer"
        var result = ReleaseResult.released
        if case .leave(let rest) = order, rest > TTL.max.duration { result = .leftFor(.max) }
        while !Task.isCancelled {
            do throws(LeaseClientError) {
                switch order {
                case .release: try await client.release(lease.name, token: token)
                case .leave(let rest): _ = try await client.unbind(lease, ttl: Self.ttl(rest))
                }
                return result
            } catch {
                switch error.code {
                case .expired:
                    guard let newest = await newestToken(), newest != token else { return .wasOver }
                    token = newest
                case .revoked:
                    // It does not go on by time any more, and nobody needs it.
                    order = .release
                case .badTTL:
                    guard case .leave(let rest) = order, let longest = await longestTTL(), longest.duration < rest
                    else {
                        return .failed(error.message)
                    }
                    order = .leave(longest.duration - .milliseconds(1))
                    result = .leftFor(longest)
                case .cancelled: return .failed(reason)
                default:
                    guard error.isPassing else { return .failed(error.message) }
                    reason = error.message
                    try? await Task.sleep(for: Self.pause)
                }
            }
        }
        return .failed(reason)
    }

    /// The token that the lease's own tenure has now, or `nil` if that is over: the job may have renewed by itself.
    private func newestToken() async -> Token? {
        guard let status = try? await client.holder(of: lease.name), status.fence == lease.fence else { return nil }
        return status.token
    }

    /// The longest TTL that the daemon grants, or `nil` if it does not tell.
    private func longestTTL() async -> TTL? {
        let fields = (try? await client.info())?.flatMap(\.fields) ?? []
        guard let text = fields.first(where: { $0.name == "longest_ttl_ms" })?.value, let count = Int64(text) else {
            return nil
        }
        return try? TTL(.milliseconds(count))
    }

    /// The rest of `--at-least` as a TTL, which is a second at least.
    private static func ttl(_ rest: Duration) -> TTL {
        (try? TTL(max(rest + .milliseconds(1), .seconds(1)))) ?? .max
    }
}
