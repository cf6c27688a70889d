/// The id of a waiter: later ones are greater, and none is given twice by the same ``WaitLines``.
package struct WaiterID: Hashable, Comparable, Sendable {
    package let rawValue: Int64

    package static func < (left: WaiterID, right: WaiterID) -> Bool { left.rawValue < right.rawValue }
}

/// A request that waits for its lease to become free.
package struct Waiter: Hashable, Sendable {
    /// The lease.
    package let name: LeaseName
    /// The requester.
    package let caller: Caller
    /// The TTL of the grant, counted from the grant.
    package let ttl: TTL
    /// The owner label of the grant.
    package let owner: Label
    /// The request id, if there is one.
    package let request: RequestID?
    /// Whether the tenure will be bound to the waiting connection.
    package let binds: Bool
    /// When the wait times out, or `nil` if it does not.
    package let end: BootInstant?

    package init(
        name: LeaseName,
        caller: Caller,
        ttl: TTL,
        owner: Label,
        request: RequestID?,
        binds: Bool,
        end: BootInstant?
    ) {
        self.name = name
        self.caller = caller
        self.ttl = ttl
        self.owner = owner
        self.request = request
        self.binds = binds
        self.end = end
    }

    /// The request to make once the lease is free.
    package var acquisition: LeaseRequest {
        .acquire(ttl: ttl, owner: owner, request: request, binds: binds)
    }
}
