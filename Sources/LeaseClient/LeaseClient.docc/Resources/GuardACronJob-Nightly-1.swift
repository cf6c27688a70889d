import LeaseClient

@main
struct Nightly {
    static func main() async throws {
        let client = LeaseClient()
        try await client.ping()
        await client.close()
    }
}
