import LeaseClient
import LeaseCore

/// Tells who leads.
struct Board {
    let client: LeaseClient
    let lease: LeaseName
}
