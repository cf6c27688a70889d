import LeaseClient
import LeaseCore

@main
struct Candidate {
    static func main() async throws {
        let client = LeaseClient()
        let lease = try LeaseName("scheduler")
        let board = Board(client: client, lease: lease)
        try await withThrowingTaskGroup { group in
            group.addTask { try await board.show() }
            group.addTask { try await lead(lease, with: client) }
            try await group.waitForAll()
        }
        await client.close()
    }

    static func lead(_ lease: LeaseName, with client: LeaseClient) async throws {
        print("waiting to lead")
        let rounds = try await client.campaign(lease, ttl: TTL(.seconds(15))) { leadership in
            print("leading")
            var rounds = 0
            while rounds < 5 {
                try await Task.sleep(for: .milliseconds(50))
                rounds += 1
            }
            return rounds
        }
        print("resigned after \(rounds) rounds")
    }
}
