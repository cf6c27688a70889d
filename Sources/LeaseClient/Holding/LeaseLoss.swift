/// Why a lease is no longer held, although it was not released.
public struct LeaseLoss: Hashable, Sendable, CustomStringConvertible {
    /// The kind of loss.
    ///
    /// A later release may add to it.
    public struct Reason: Hashable, Sendable, CustomStringConvertible {
        /// The reason's name in Swift.
        public let description: String

        /// The tenure is being ended by force, or was.
        public static let revoked = Reason(description: "revoked")
        /// The daemon says that the tenure is over.
        public static let expired = Reason(description: "expired")
        /// It could not be renewed in time, and another holder may be granted.
        public static let unrenewable = Reason(description: "unrenewable")
    }

    /// The kind of loss.
    public let reason: Reason

    /// A sentence for people.
    public let message: String

    /// Creates a loss.
    public init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// The reason and the sentence.
    public var description: String { "\(reason): \(message)" }
}
