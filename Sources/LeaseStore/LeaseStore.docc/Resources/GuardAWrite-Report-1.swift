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
}
