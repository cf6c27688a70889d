import LeaseCore
import LeaseStore

/// A report that is made by whoever holds its lease.
struct Report {
    let store: LeaseStore
    let lease: LeaseName

    init(in store: LeaseStore) throws {
        self.store = store
        lease = try LeaseName("report")
    }

    /// Takes the lease for half a minute.
    func begin(as owner: String) async throws -> Token {
        try await store.acquire(lease, ttl: TTL(.seconds(30)), owner: Label(owner))
    }
}
