/// How the daemon is, in two figures and whether it can do its work.
public struct ServerStatus: Hashable, Sendable, CustomStringConvertible {
    /// Leases in force.
    public let leases: Int
    /// Open connections.
    public let connections: Int
    /// Whether the store refused the last commit: nothing is granted then.
    public let refusesCommits: Bool

    /// The line that `systemctl status` shows.
    public var description: String {
        let leases = "\(leases) \(leases == 1 ? "lease" : "leases") held"
        let connections = "\(connections) \(connections == 1 ? "connection" : "connections")"
        return "\(leases), \(connections)" + (refusesCommits ? "; the store refuses commits" : "")
    }
}
