/// Decides when to tell the service manager that the service is alive, as a pure state machine.
///
/// ```
///   tick ──► no ping out ──────────────────────────────► ask
///        └─► a ping out ──► a commit within its limit ─► feed
///                       └─► otherwise ─────────────────► starve
///   pong ──► of the ping that is out ──────────────────► feed
///        └─► any other ────────────────────────────────► nothing
/// ```
///
/// At most one ping is pending, so that a hung engine finds one ping, and not many, when it recovers. A slow disk holds
/// the engine's loop during a commit, but that is not a hang: until it reaches `commitLimit`, the commit's age, which
/// is read outside the loop, stands in for the answer. This is also bounded: a ping waits at most for the present
/// commit and for the one of its own turn, so past twice the limit the loop is not just committing.
struct WatchdogState: Sendable {
    /// What the shell must do.
    enum Action: Hashable, Sendable {
        /// Send the ping with this number.
        case ask(Int)
        /// Tell the manager that the service is alive.
        case feed
        /// Tell the manager nothing; the ping has been unanswered for this time.
        case starve(Duration)
    }

    /// How long a commit may take and still count as life.
    let commitLimit: Duration

    private var lastPing = 0
    private var askedAt: SuspendingClock.Instant?

    init(commitLimit: Duration) {
        self.commitLimit = commitLimit
    }

    /// Half of the manager's interval has passed.
    ///
    /// - Parameter commitAge: how long the present commit has lasted, or `nil` if there is none.
    mutating func tick(now: SuspendingClock.Instant, commitAge: Duration?) -> Action {
        guard let askedAt else {
            lastPing += 1
            askedAt = now
            return .ask(lastPing)
        }
        let waiting = askedAt.duration(to: now)
        guard let commitAge, commitAge < commitLimit, waiting < commitLimit * 2 else { return .starve(waiting) }
        return .feed
    }

    /// A ping came back.
    ///
    /// One that was already answered, or is not the latest, proves nothing.
    mutating func pong(_ ping: Int) -> Action? {
        guard askedAt != nil, ping == lastPing else { return nil }
        askedAt = nil
        return .feed
    }
}
