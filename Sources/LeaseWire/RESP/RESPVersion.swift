/// The version of RESP that replies are written in.
package enum RESPVersion: Int, Hashable, Sendable, CaseIterable {
    /// What a connection begins with: maps are flat arrays, null is a bulk of length −1.
    case resp2 = 2
    /// After `HELLO 3`: maps, sets, null, push frames.
    case resp3 = 3
}
