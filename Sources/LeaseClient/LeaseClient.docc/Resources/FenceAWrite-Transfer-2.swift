import LeaseClient
import LeaseCore

@main
struct Transfer {
    static func main() async throws {
        let client = LeaseClient()
        let ledger = Ledger()
        let lease = try LeaseName("ledger")
        let early = try await client.acquire(lease, ttl: TTL(.seconds(30)), wait: .upTo(.seconds(10)))
        let earlyWrote = await ledger.write("by the early one", fence: early.fence)
        print("the early one wrote: \(earlyWrote)")
        // The early one stands still for too long, and its lease is taken from it.
        _ = try await client.revoke(lease)
        let late = try await client.acquire(lease, ttl: TTL(.seconds(30)), wait: .upTo(.seconds(10)))
        let lateWrote = await ledger.write("by the late one", fence: late.fence)
        print("the late one wrote: \(lateWrote)")
        let earlyWroteAgain = await ledger.write("too late", fence: early.fence)
        print("the early one wrote again: \(earlyWroteAgain)")
        try await client.release(lease, token: late.token)
        await client.close()
    }
}
