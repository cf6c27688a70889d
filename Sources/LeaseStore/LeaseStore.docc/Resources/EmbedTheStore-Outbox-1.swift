import LeaseCore
import LeaseStore

/// Letters that wait to be sent.
struct Outbox {
    let store: LeaseStore
    let waiting: Key

    init(in store: LeaseStore) throws {
        self.store = store
        waiting = try Key("waiting")
    }
}
