import LeaseCore

/// What the daemon has done since it started, for `INFO`.
struct Counters {
    var connections: Int64 = 0
    var refusedConnections: Int64 = 0
    var commands: Int64 = 0
    var commits: Int64 = 0
    var refusedCommits: Int64 = 0
    var protocolErrors: Int64 = 0
    var bytesOut: Int64 = 0
    var messages: Int64 = 0
    var droppedSubscribers: Int64 = 0
    private(set) var refusals: [LeaseError.Code: Int64] = [:]

    /// Counts commands, one by default, that were answered with an error.
    mutating func refused(_ code: LeaseError.Code, count: Int = 1) {
        guard count > 0 else { return }
        refusals[code, default: 0] += Int64(count)
    }
}
