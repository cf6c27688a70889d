public import LeaseCore
internal import LeaseWire

/// The holder of a lease, as the daemon reports it.
public struct LeaseStatus: Hashable, Sendable {
    /// The state of a tenure.
    ///
    /// A later release may add to it.
    public struct State: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The word in the protocol.
        public let rawValue: String

        /// Creates a state from the word in the protocol.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Held, before its deadline.
        public static let held = State(rawValue: LeaseStatusReply.State.held.rawValue)
        /// Past its deadline, and still held by a tie.
        public static let overdue = State(rawValue: LeaseStatusReply.State.overdue.rawValue)
        /// Being ended by force.
        public static let revoking = State(rawValue: LeaseStatusReply.State.revoking.rawValue)

        /// The word in the protocol.
        public var description: String { rawValue }
    }

    /// The name of the lease.
    public let name: LeaseName
    /// The newest token.
    public let token: Token
    /// The token of the grant.
    public let fence: Token
    /// The holder's label.
    public let owner: String
    /// The user of the holder.
    public let uid: UInt32
    /// The group of the holder.
    public let gid: UInt32
    /// The process that acquired it, which may be gone.
    public let pid: Int32
    /// The TTL of the grant or the last renewal, in whole milliseconds.
    public let ttl: Duration
    /// The time left, in whole milliseconds, rounded down.
    public let remaining: Duration
    /// When it was granted: milliseconds since 1970 on the daemon's wall clock, for display only.
    public let acquiredAtMilliseconds: Int64
    /// How often it was renewed.
    public let renewals: Int64
    /// Whether it ends with its holder's connection.
    public let isBound: Bool
    /// Whether it ends with its holder's process tree instead of by time.
    public let isTied: Bool
    /// The state of the tenure.
    public let state: State
    /// The number of waiters.
    public let waiters: Int

    init(_ reply: LeaseStatusReply) {
        self.name = reply.name
        self.token = reply.token
        self.fence = reply.fence
        self.owner = reply.owner
        self.uid = reply.uid
        self.gid = reply.gid
        self.pid = reply.pid
        self.ttl = .milliseconds(reply.ttlMilliseconds)
        self.remaining = .milliseconds(reply.remainingMilliseconds)
        self.acquiredAtMilliseconds = reply.acquiredAtMilliseconds
        self.renewals = reply.renewals
        self.isBound = reply.isBound
        self.isTied = reply.isTied
        self.state = State(rawValue: reply.state.rawValue)
        self.waiters = reply.waiters
    }
}
