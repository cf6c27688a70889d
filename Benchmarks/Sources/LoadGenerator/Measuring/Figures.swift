/// The results of one measurement, which `leased-load` prints as JSON.
package struct Figures: Codable, Hashable, Sendable {
    package let workload: String
    package let clients: Int
    package let pipeline: Int
    package let clientsPerConnection: Int
    package let seconds: Double
    package let cycles: Int
    package let cyclesPerSecond: Double
    /// From the send of a cycle's first command to the answer of its last.
    package let latency: Latency
    /// The latency of each command of the cycle.
    package let commands: [String: Latency]
    /// User and system time of all the peer's processes.
    ///
    /// Absent if the peer has none.
    package let peerMicrosecondsPerCycle: Double?
    /// The generator's user and system time.
    package let ownMicrosecondsPerCycle: Double
    /// The part of the time that the generator was busy: near 1, the figures measure the generator.
    package let ownBusy: Double
}
