/// What is asked of one lease.
package enum LeaseRequest: Hashable, Sendable {
    /// Grants the lease if it is free; with `binds`, bound to the connection that asks.
    case acquire(ttl: TTL, owner: Label, request: RequestID?, binds: Bool = false)
    /// Moves the deadline and issues a new token, given the newest one.
    case renew(token: Token, ttl: TTL, request: RequestID?, binding: Binding = .keep)
    /// Ties the tenure to the connection that asks, given its newest token.
    case tie(token: Token)
    /// Ends the tenure, given its newest token.
    case release(token: Token)
    /// Tells whether the token is a tenure's, and what is left.
    case check(token: Token)
    /// Tells who holds the lease.
    case holder
    /// Ends the tenure by force: at once, or after a time in which it cannot be renewed.
    ///
    /// Without a time, a tied tenure has ``LeaseRules/revocationGrace``, and any other ends at once.
    case revoke(after: Duration?, reason: Label)
    /// Ends the tenure with this fence, since the connection or tie that it hung on is gone.
    ///
    /// No client asks for it: whoever sees the connection close does.
    case lose(fence: Token)
}
