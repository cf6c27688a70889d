/// One command to a peer.
///
/// Each peer's connection defines what is sent for it.
package enum Operation: String, Sendable, CaseIterable {
    /// Takes the lease if nobody holds it.
    case acquire
    /// Releases what the same lane acquired.
    case release
    /// Renews what the same lane acquired.
    case renew
    /// Asks whether the lane still holds what it acquired.
    case check
    /// Writes a value.
    case put
    /// Reads a value.
    case get
}
