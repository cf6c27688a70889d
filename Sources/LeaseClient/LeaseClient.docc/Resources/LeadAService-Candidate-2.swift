import LeaseClient
import LeaseCore

@main
struct Candidate {
    static func main() async throws {
        let client = LeaseClient()
        print("waiting to lead")
        let rounds = try await client.campaign(LeaseName("scheduler"), ttl: TTL(.seconds(15))) { leadership in
            print("leading")
            var rounds = 0
            while rounds < 5 {
                try await Task.sleep(for: .milliseconds(50))
                rounds += 1
            }
            return rounds
        }
        print("resigned after \(rounds) rounds")
        await client.close()
    }
}
