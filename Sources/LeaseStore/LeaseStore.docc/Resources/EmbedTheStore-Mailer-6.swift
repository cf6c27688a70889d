import LeaseCore
import LeaseStore

@main
struct Mailer {
    static func main() async throws {
        let store = try await LeaseStore.open(path: "letters.db")
        let greeting = try Key("greeting")
        if try await store.get(greeting) == nil {
            try await store.put(Array("Dear reader,".utf8), for: greeting)
            print("this is the first run")
        }
        let outbox = try Outbox(in: store)
        let letter = try await outbox.add("all is well")
        print("added \(letter)")
        let letters = try await outbox.letters()
        if letters.count > 1 {
            try await outbox.sent(letters[0])
            print("sent \(letters[0])")
        }
        try await store.close()
    }
}
