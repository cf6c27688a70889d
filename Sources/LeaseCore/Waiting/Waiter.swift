/// The number of a waiter: later ones are greater, and none is given twice while a line lives.
package struct WaiterID: Hashable, Comparable, Sendable {
    package let rawValue: Int64

    package static func < (left: WaiterID, right: WaiterID) -> Bool { left.rawValue < right.rawValue }
}

/// A request that waits for its lease to become free.
package struct Waiter: Hashable, Sendable {
    /// The lease.
    package let name: LeaseName
    /// Who asks.
    package let caller: Caller
    /// The TTL of the grant, counted from the grant.
    package let ttl: TTL
    /// What the holder will call itself.
    package let owner: Label
    /// The id of the attempt, if it has one.
    package let request: RequestID?
    /// Whether the tenure will be bound to the connection that waits.
    package let binds: Bool
    /// When the wait ends in vain, or `nil` if it does not.
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

    /// What is asked of the lease when it is free.
    package var acquisition: LeaseRequest {
        .acquire(ttl: ttl, owner: owner, request: request, binds: binds)
    }
}
