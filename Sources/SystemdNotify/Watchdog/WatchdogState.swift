/// Decides when the service manager may be told that the service is alive.
///
/// No clock, no thread.
///
/// ```
///   tick ──► no ping out ──────────────────────────────► ask
///        └─► a ping out ──► a commit within its limit ─► feed
///                       └─► otherwise ─────────────────► starve
///   pong ──► of the ping that is out ──────────────────► feed
///        └─► any other ────────────────────────────────► nothing
/// ```
///
/// At most one ping is out. While it is, no other is asked, so that a hung engine finds one ping and not a heap of
/// them when it comes back. A disk that takes its time in a commit holds the engine's loop, and that is no hang: the
/// commit's own age, read beside the loop, stands in for the answer until it reaches `commitLimit`. That stand-in is
/// bounded too: a ping waits for the commit under way and the one that it comes into, so past twice the limit the loop
/// does something else than committing.
struct WatchdogState: Sendable {
    /// What the shell does.
    enum Action: Hashable, Sendable {
        /// Send the ping of this number on its way.
        case ask(Int)
        /// Tell the manager that the service is alive.
        case feed
        /// Tell the manager nothing; the ping has been out for so long.
        case starve(Duration)
    }

    /// How long a commit may be under way and still count as life.
    let commitLimit: Duration

    private var lastPing = 0
    private var askedAt: SuspendingClock.Instant?

    init(commitLimit: Duration) {
        self.commitLimit = commitLimit
    }

    /// Half of the manager's interval is over.
    ///
    /// - Parameter commitAge: how long the commit under way has lasted, `nil` if none is.
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
    /// One that came back before proves nothing.
    mutating func pong(_ ping: Int) -> Action? {
        guard askedAt != nil, ping == lastPing else { return nil }
        askedAt = nil
        return .feed
    }
}
