/// The daemon's status: two figures, and whether it can do its work.
package struct ServerStatus: Hashable, Sendable, CustomStringConvertible {
    /// Leases in force.
    package let leases: Int
    /// Open connections.
    package let connections: Int
    /// Whether the store refused the last commit: nothing is granted then.
    package let refusesCommits: Bool

    /// The line that `systemctl status` shows.
    package var description: String {
        let leases = "\(leases) \(leases == 1 ? "lease" : "leases") held"
        let connections = "\(connections) \(connections == 1 ? "connection" : "connections")"
        return "\(leases), \(connections)" + (refusesCommits ? "; the store refuses commits" : "")
    }
}
