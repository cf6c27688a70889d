/// What a request was answered, if it was not refused.
package enum LeaseAnswer: Hashable, Sendable {
    /// A token: of the grant or the renewal.
    case token(Token)
    /// The tenure was ended as asked.
    case released
    /// The tenure is tied to the connection that asked.
    case tied
    /// What is left of the tenure.
    case remaining(Duration)
    /// The tenure in force, or none.
    case tenure(Tenure?)
    /// Whether there was a tenure to revoke.
    case revoked(Bool)
    /// Whether the tenure was there to be lost.
    case lost(Bool)
}
