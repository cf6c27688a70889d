/// The messages that subscribers' sockets have not taken yet: how much memory they use, and when that is too much.
///
/// Each write counts with its bytes and roughly what it costs to keep it. A subscriber is too far behind past its own
/// limit; or, past the limit of all together, if it has more than its share of that. So thousands that do not read cost
/// no more than a few, and those that read stay.
struct MessageBacklog {
    /// What keeping a write costs in addition to its bytes, roughly.
    static let writeBytes = 256

    private var bytes: [SessionID: Int] = [:]
    /// The bytes of all.
    private(set) var total = 0

    func bytes(of session: SessionID) -> Int { bytes[session] ?? 0 }

    /// Adds what is sent to a session.
    mutating func add(_ count: Int, for session: SessionID) {
        bytes[session, default: 0] += count
        total += count
    }

    /// Subtracts what a session's socket has taken; does nothing if the session was forgotten.
    mutating func remove(_ count: Int, for session: SessionID) {
        guard let left = bytes[session] else { return }
        precondition(left >= count, "a socket took more than it was given")
        bytes[session] = left == count ? nil : left - count
        total -= count
    }

    /// Forgets a session whose connection is gone.
    mutating func forget(_ session: SessionID) {
        total -= bytes.removeValue(forKey: session) ?? 0
    }

    /// Whether a session is too far behind.
    func isOver(_ session: SessionID, limits: Limits) -> Bool {
        let own = bytes(of: session)
        return own > limits.subscriberOutputBytes
            || (total > limits.subscriberOutputBytesInAll && own > limits.subscriberOutputBytesInAll / bytes.count)
    }
}
