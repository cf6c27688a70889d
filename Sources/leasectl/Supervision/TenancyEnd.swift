import LeaseClient
import LeaseCore

/// The end of a tenancy: releases its lease, or leaves it in place for a time, even if the daemon is away for a moment.
struct TenancyEnd: Sendable {
    /// How long to try while the daemon is away or hangs.
    private static let patience: Duration = .seconds(5)
    /// The pause between two attempts.
    private static let pause: Duration = .milliseconds(200)

    let client: LeaseClient
    let lease: Lease

    /// Carries out an order, within `patience`.
    func carryOut(_ order: Tenancy.Order) async -> ReleaseResult {
        await withTaskGroup(of: ReleaseResult?.self) { group in
            group.addTask { await tried(order) }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                return nil
            }
            var result = await group.next() ?? nil
            group.cancelAll()
            // The other task ends at once; if the time was up, with the reason for the failure.
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
                    // The tenure can no longer go on by time, and nobody needs it.
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

    /// The newest token of the lease's own tenure, or `nil` if that is over: the job may have renewed.
    private func newestToken() async -> Token? {
        guard let status = try? await client.holder(of: lease.name), status.fence == lease.fence else { return nil }
        return status.token
    }

    /// The longest TTL that the daemon grants, or `nil` if it does not say.
    private func longestTTL() async -> TTL? {
        let fields = (try? await client.info())?.flatMap(\.fields) ?? []
        guard let text = fields.first(where: { $0.name == "longest_ttl_ms" })?.value, let count = Int64(text) else {
            return nil
        }
        return try? TTL(.milliseconds(count))
    }

    /// The rest of `--at-least` as a TTL of at least a second.
    private static func ttl(_ rest: Duration) -> TTL {
        (try? TTL(max(rest + .milliseconds(1), .seconds(1)))) ?? .max
    }
}
