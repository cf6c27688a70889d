/// What is asked of one lease.
public enum LeaseRequest: Hashable, Sendable {
    /// Grants the lease if it is free.
    case acquire(ttl: TTL, owner: Label, request: RequestID?)
    /// Moves the deadline and issues a new token, given the newest one.
    case renew(token: Token, ttl: TTL, request: RequestID?)
    /// Ends the tenure, given its newest token.
    case release(token: Token)
    /// Tells whether the token is a tenure's, and what is left.
    case check(token: Token)
    /// Tells who holds the lease.
    case holder
    /// Ends the tenure by force: at once, or after a time in which it cannot be renewed.
    case revoke(after: Duration?, reason: Label)
}
