/// One command to a peer.
///
/// What each peer sends for it is in its connection.
package enum Operation: String, Sendable, CaseIterable {
    /// Takes the lease if nobody holds it.
    case acquire
    /// Gives back what the same lane acquired.
    case release
    /// Prolongs what the same lane acquired.
    case renew
    /// Asks whether what the same lane acquired is still held.
    case check
    /// Writes a value.
    case put
    /// Reads a value.
    case get
}
