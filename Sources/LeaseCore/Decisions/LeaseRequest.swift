/// A request about one lease.
package enum LeaseRequest: Hashable, Sendable {
    /// Grants the lease if it is free; with `binds`, the tenure is bound to the requesting connection.
    case acquire(ttl: TTL, owner: Label, request: RequestID?, binds: Bool = false)
    /// Moves the deadline and issues a new token; needs the newest one.
    case renew(token: Token, ttl: TTL, request: RequestID?, binding: Binding = .keep)
    /// Ties the tenure to the requesting connection; needs its newest token.
    case tie(token: Token)
    /// Ends the tenure; needs its newest token.
    case release(token: Token)
    /// Tells whether the token is the tenure's, and the time left.
    case check(token: Token)
    /// Tells who holds the lease.
    case holder
    /// Ends the tenure by force: at once, or after a time in which it cannot be renewed.
    ///
    /// Without a time, a tied tenure has ``LeaseRules/revocationGrace``, and any other ends at once.
    case revoke(after: Duration?, reason: Label)
    /// Ends the tenure with this fence, since the connection or tie that it depends on is gone.
    ///
    /// Clients do not send it: it follows from the close of a connection.
    case lose(fence: Token)
}
