/// What whoever watches leases is told.
public enum LeaseUpdate: Sendable {
    /// The leases that are held now, all that are watched, by name: whatever was known before means nothing any more.
    ///
    /// It comes first, and again after each ``interrupted(_:)``.
    case state([LeaseStatus])
    /// Something happened to a lease. A lease's events come in their order.
    case event(LeaseEvent)
    /// The connection was lost, as when the daemon restarts: what happens until the next ``state(_:)`` is not told.
    case interrupted(LeaseClientError)
}
