/// What an access rule can allow or deny.
package enum AccessRight: String, Hashable, Sendable, CaseIterable {
    /// To acquire a lease, and to see who holds it.
    ///
    /// A holder may renew, tie and release what it was granted, whatever the rules say later.
    case acquire
    /// To see leases, values, children and keys.
    case read
    /// To write and remove values, children and keys.
    case write
    /// To act on other users' tenures: renew, release, tie, revoke, remove and import them.
    case admin
}
