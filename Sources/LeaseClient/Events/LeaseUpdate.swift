/// An update for a watcher of leases.
public enum LeaseUpdate: Sendable {
    /// All watched leases that are held now, by name. It replaces all that was known before.
    ///
    /// It comes first, and again after each ``interrupted(_:)``.
    case state([LeaseStatus])
    /// Something happened to a lease. The events of one lease come in order.
    case event(LeaseEvent)
    /// The connection was lost, as when the daemon restarts. Events until the next ``state(_:)`` are not reported.
    case interrupted(LeaseClientError)
}
