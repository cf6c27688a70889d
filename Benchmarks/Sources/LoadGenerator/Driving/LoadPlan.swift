/// The load to drive, and for how long.
package struct LoadPlan: Sendable {
    package enum Limit: Hashable, Sendable {
        /// Nanoseconds that are not counted, then nanoseconds that are.
        case time(warmUp: UInt64, measured: UInt64)
        /// Cycles in all; every cycle counts.
        case count(Int)
    }

    package let workload: Workload
    package let clients: Int
    /// Commands that each client keeps in flight.
    package let pipeline: Int
    /// Clients that share a connection, where a peer's protocol allows it.
    package let clientsPerConnection: Int
    package let limit: Limit

    package init(workload: Workload, clients: Int, pipeline: Int, clientsPerConnection: Int = 1, limit: Limit) {
        self.workload = workload
        self.clients = clients
        self.pipeline = pipeline
        self.clientsPerConnection = clientsPerConnection
        self.limit = limit
    }

    /// The number of lanes of each connection.
    package var lanesOfConnections: [Int] {
        stride(from: 0, to: clients, by: clientsPerConnection).map { first in
            min(clientsPerConnection, clients - first) * pipeline
        }
    }
}
