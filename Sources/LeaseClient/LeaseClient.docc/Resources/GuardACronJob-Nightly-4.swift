import LeaseClient
import LeaseCore

@main
struct Nightly {
    static func main() async throws {
        let client = LeaseClient()
        do {
            try await client.withLease(LeaseName("nightly"), ttl: TTL(.seconds(30)), holding: .tied) { lease in
                print("the job begins")
                try await Task.sleep(for: .milliseconds(100))
                print("the job is done")
            }
        } catch let error as LeaseClientError where error.code == .conflict {
            print("it runs already")
        }
        await client.close()
    }
}
