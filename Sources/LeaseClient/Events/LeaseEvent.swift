public import LeaseCore

/// An event of a lease, as the daemon sends it to watchers.
public struct LeaseEvent: Hashable, Sendable {
    /// What happened.
    ///
    /// A later release may add to it.
    public struct Kind: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The word in the protocol.
        public let rawValue: String

        /// Creates a kind from the word in the protocol.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// It was granted, for ``LeaseEvent/ttl``.
        public static let acquired = Kind(rawValue: "acquired")
        /// Its holder released it.
        public static let released = Kind(rawValue: "released")
        /// Its time was up.
        public static let expired = Kind(rawValue: "expired")
        /// It is past its deadline, and still held by a tie.
        public static let overdue = Kind(rawValue: "overdue")
        /// Its end by force has begun, for ``LeaseEvent/reason``; it ends within ``LeaseEvent/after``.
        public static let revoking = Kind(rawValue: "revoking")
        /// It was ended by force, for ``LeaseEvent/reason``.
        public static let revoked = Kind(rawValue: "revoked")
        /// Its holder died: the connection that it was bound or tied to is gone.
        public static let lost = Kind(rawValue: "lost")

        /// Whether this ends the tenure.
        public var endsTenure: Bool {
            switch self {
            case .released, .expired, .revoked, .lost: true
            default: false
            }
        }

        /// The word in the protocol.
        public var description: String { rawValue }
    }

    /// The lease.
    public let name: LeaseName
    /// What happened.
    public let kind: Kind
    /// The fence of the affected tenure.
    public let fence: Token
    /// The holder's label.
    public let owner: String
    /// When it was decided: milliseconds since 1970 on the daemon's wall clock, for display only.
    public let atMilliseconds: Int64
    /// For how long it was granted: with ``Kind/acquired``.
    public let ttl: Duration?
    /// Why it is ended by force: with ``Kind/revoking`` and ``Kind/revoked``.
    public let reason: String?
    /// How much time it has left at most: with ``Kind/revoking``.
    public let after: Duration?

    /// Creates a message.
    public init(
        name: LeaseName,
        kind: Kind,
        fence: Token,
        owner: String,
        atMilliseconds: Int64,
        ttl: Duration? = nil,
        reason: String? = nil,
        after: Duration? = nil
    ) {
        self.name = name
        self.kind = kind
        self.fence = fence
        self.owner = owner
        self.atMilliseconds = atMilliseconds
        self.ttl = ttl
        self.reason = reason
        self.after = after
    }
}

extension LeaseEvent {
    /// Reads a message as the daemon sends it on a lease's channel; `nil` if it is not one.
    init?(name: LeaseName, payload: [UInt8]) {
        guard
            let fields = EventFields(payload),
            let kind = fields.strings["event"],
            let fence = fields.integers["fence"].flatMap(Token.init(rawValue:)),
            let owner = fields.strings["owner"],
            let at = fields.integers["at_ms"]
        else { return nil }
        self.init(
            name: name,
            kind: Kind(rawValue: kind),
            fence: fence,
            owner: owner,
            atMilliseconds: at,
            ttl: fields.integers["ttl_ms"].map { .milliseconds($0) },
            reason: fields.strings["reason"],
            after: fields.integers["after_ms"].map { .milliseconds($0) }
        )
    }
}
