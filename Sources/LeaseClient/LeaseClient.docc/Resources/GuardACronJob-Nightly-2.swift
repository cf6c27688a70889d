import LeaseClient
import LeaseCore

@main
struct Nightly {
    static func main() async throws {
        let client = LeaseClient()
        try await client.withLease(LeaseName("nightly"), ttl: TTL(.seconds(30))) { lease in
            print("the job begins")
            try await Task.sleep(for: .milliseconds(100))
            print("the job is done")
        }
        await client.close()
    }
}
