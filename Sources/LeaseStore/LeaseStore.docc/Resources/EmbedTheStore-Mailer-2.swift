import LeaseStore

@main
struct Mailer {
    static func main() async throws {
        let store = try await LeaseStore.open(path: "letters.db")
        print("the store is open")
        try await store.close()
    }
}
