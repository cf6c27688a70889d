/// What one measurement came to: what `leased-load` prints, as JSON.
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
    /// Of each command of the cycle alone.
    package let commands: [String: Latency]
    /// User and system time of all the peer's processes.
    ///
    /// Absent where the peer has none.
    package let peerMicrosecondsPerCycle: Double?
    /// That of the generator itself.
    package let ownMicrosecondsPerCycle: Double
    /// The part of the time that the generator was busy: near 1, it is the generator that is measured.
    package let ownBusy: Double
}
