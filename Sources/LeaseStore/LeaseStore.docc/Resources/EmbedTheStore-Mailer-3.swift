import LeaseCore
import LeaseStore

@main
struct Mailer {
    static func main() async throws {
        let store = try await LeaseStore.open(path: "letters.db")
        let greeting = try Key("greeting")
        try await store.put(Array("Dear reader,".utf8), for: greeting)
        try await store.close()
    }
}
