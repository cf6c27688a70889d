/// What subscribers have been sent and their sockets have not taken: how much memory that is, and when it is too much.
///
/// Each write counts for its bytes and for about what it costs to keep it. A subscriber is too far behind past its own
/// limit; and past the limit of all together when it has more than its share of that, so that thousands who do not read
/// cost no more than a few, and those who read stay.
struct MessageBacklog {
    /// What keeping a write costs beside its bytes, about.
    static let writeBytes = 256

    private var bytes: [SessionID: Int] = [:]
    /// The bytes of all.
    private(set) var total = 0

    /// The bytes of a session.
    func bytes(of session: SessionID) -> Int { bytes[session] ?? 0 }

    /// Adds what a session is to be sent.
    mutating func add(_ count: Int, for session: SessionID) {
        bytes[session, default: 0] += count
        total += count
    }

    /// Takes off what a session's socket has taken; nothing happens if the session was forgotten.
    mutating func remove(_ count: Int, for session: SessionID) {
        guard let left = bytes[session] else { return }
        precondition(left >= count, "a socket took more than it was given")
        bytes[session] = left == count ? nil : left - count
        total -= count
    }

    /// Forgets a session, whose connection is gone.
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
