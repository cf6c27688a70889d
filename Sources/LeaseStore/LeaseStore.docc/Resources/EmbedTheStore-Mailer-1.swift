import LeaseStore

@main
struct Mailer {
    static func main() async throws {
        let store = try await LeaseStore.open(path: "letters.db")
    }
}
