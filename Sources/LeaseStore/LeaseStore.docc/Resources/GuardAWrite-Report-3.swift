import LeaseCore
import LeaseStore

/// A report that is made by whoever holds its lease.
struct Report {
    let store: LeaseStore
    let lease: LeaseName
    let text: Key

    init(in store: LeaseStore) throws {
        self.store = store
        lease = try LeaseName("report")
        text = try Key("report/text")
    }

    /// Takes the lease for half a minute.
    func begin(as owner: String) async throws -> Token {
        try await store.acquire(lease, ttl: TTL(.seconds(30)), owner: Label(owner))
    }

    /// Writes the report, only while the lease is held.
    func write(_ words: String, fence: Token) async throws {
        let condition = LeaseGuard(lease: lease, token: fence)
        try await store.put(Array(words.utf8), for: text, if: condition)
    }
}
