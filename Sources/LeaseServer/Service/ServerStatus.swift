/// How the daemon is, in two figures.
public struct ServerStatus: Hashable, Sendable, CustomStringConvertible {
    /// Leases in force.
    public let leases: Int
    /// Open connections.
    public let connections: Int

    /// The line that `systemctl status` shows.
    public var description: String {
        "\(leases) \(leases == 1 ? "lease" : "leases") held, \(connections) \(connections == 1 ? "connection" : "connections")"
    }
}
