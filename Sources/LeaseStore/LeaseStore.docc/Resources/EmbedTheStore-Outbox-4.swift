import LeaseCore
import LeaseStore

/// Letters that wait to be sent.
struct Outbox {
    let store: LeaseStore
    let waiting: Key
    let counter: Key

    init(in store: LeaseStore) throws {
        self.store = store
        waiting = try Key("waiting")
        counter = try Key("counter")
    }

    /// The letters that wait, the oldest first.
    func letters() async throws -> [Key] {
        try await store.children(of: waiting)
    }

    /// Puts a letter into the outbox, under the next number.
    func add(_ text: String) async throws -> Key {
        try await store.update { [counter, waiting] transaction in
            let last = try transaction.get(counter).flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 1_000_000
            let letter = try Key("letter-\(last + 1)")
            try transaction.put(Array("\(last + 1)".utf8), for: counter)
            try transaction.put(Array(text.utf8), for: letter)
            try transaction.append(letter, to: waiting)
            return letter
        }
    }

    /// Takes a letter that was sent out of the outbox.
    func sent(_ letter: Key) async throws {
        try await store.update { [waiting] transaction in
            try transaction.removeChild(letter, from: waiting)
            try transaction.delete(letter)
        }
    }
}
