/// The results of a measurement of hand-overs.
package struct HandOverFigures: Codable, Hashable, Sendable {
    package let waiters: Int
    package let seconds: Double
    package let handOvers: Int
    package let handOversPerSecond: Double
    /// From the send of the release to the arrival of the next holder's grant.
    package let latency: Latency
    package let peerMicrosecondsPerHandOver: Double?
}
