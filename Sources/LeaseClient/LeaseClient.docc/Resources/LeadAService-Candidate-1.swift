import LeaseClient
import LeaseCore

@main
struct Candidate {
    static func main() async throws {
        let client = LeaseClient()
        print("waiting to lead")
        try await client.campaign(LeaseName("scheduler"), ttl: TTL(.seconds(15))) { leadership in
            print("leading")
        }
        print("resigned")
        await client.close()
    }
}
