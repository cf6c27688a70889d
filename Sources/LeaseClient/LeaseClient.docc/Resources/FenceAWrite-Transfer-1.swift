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
        try await client.release(lease, token: early.token)
        await client.close()
    }
}
