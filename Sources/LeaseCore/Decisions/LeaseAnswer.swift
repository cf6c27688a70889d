/// The answer to a request that was not refused.
package enum LeaseAnswer: Hashable, Sendable {
    /// The token of the grant or the renewal.
    case token(Token)
    /// The tenure was ended as asked.
    case released
    /// The tenure is tied to the connection that asked.
    case tied
    /// The time left of the tenure.
    case remaining(Duration)
    /// The tenure in force, or `nil`.
    case tenure(Tenure?)
    /// Whether there was a tenure to revoke.
    case revoked(Bool)
    /// Whether the tenure was there to be lost.
    case lost(Bool)
}
