public import LeaseCore

/// A lease that was granted to this caller.
public struct Lease: Hashable, Sendable {
    /// The name of the lease.
    public let name: LeaseName
    /// The fencing token, the same for the whole tenure: a job passes it to the resource that it works on.
    public let fence: Token
    /// The newest token, which renews and releases.
    ///
    /// At the grant it is the fence.
    public let token: Token
    /// The requested TTL.
    public let ttl: TTL
    /// The instant until which nobody else can be granted, even without a renewal.
    ///
    /// Counted from when the request was sent, so it is never later than the daemon's own deadline. Swift's continuous
    /// clock is CLOCK_BOOTTIME on Linux: it includes suspend, and clock steps do not move it.
    public let deadline: ContinuousClock.Instant

    /// Creates a lease from the answer to a grant.
    public init(name: LeaseName, fence: Token, token: Token, ttl: TTL, deadline: ContinuousClock.Instant) {
        self.name = name
        self.fence = fence
        self.token = token
        self.ttl = ttl
        self.deadline = deadline
    }
}
