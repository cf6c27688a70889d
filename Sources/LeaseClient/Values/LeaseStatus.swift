public import LeaseCore
internal import LeaseWire

/// Who holds a lease, as the daemon tells it.
public struct LeaseStatus: Hashable, Sendable {
    /// Where a tenure is on its way.
    ///
    /// A later release may add to it.
    public struct State: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The word of the wire.
        public let rawValue: String

        /// Creates a state from the word of the wire.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Held, within its time.
        public static let held = State(rawValue: LeaseStatusReply.State.held.rawValue)
        /// Past its time, and still held by a tie.
        public static let overdue = State(rawValue: LeaseStatusReply.State.overdue.rawValue)
        /// Being ended by force.
        public static let revoking = State(rawValue: LeaseStatusReply.State.revoking.rawValue)

        /// The word of the wire.
        public var description: String { rawValue }
    }

    /// The name of the lease.
    public let name: LeaseName
    /// The newest token.
    public let token: Token
    /// The token of the grant.
    public let fence: Token
    /// What the holder calls itself.
    public let owner: String
    /// The user of the holder.
    public let uid: UInt32
    /// The group of the holder.
    public let gid: UInt32
    /// The process that acquired; it may be gone.
    public let pid: Int32
    /// The TTL of the grant or the last renewal, in whole milliseconds.
    public let ttl: Duration
    /// What is left, in whole milliseconds, rounded down.
    public let remaining: Duration
    /// When it was granted: milliseconds since 1970 on the daemon's wall clock, for display only.
    public let acquiredAtMilliseconds: Int64
    /// How often it was renewed.
    public let renewals: Int64
    /// Whether it ends with its holder's connection.
    public let isBound: Bool
    /// Whether it ends with its holder's process tree, and not by time.
    public let isTied: Bool
    /// Where the tenure is on its way.
    public let state: State
    /// How many wait for it.
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
