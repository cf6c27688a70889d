/// One wait for a lease over any number of connections, as a pure state machine.
///
///     next ──▶ join(what is left of the wait) ── failed ──▶ pause(attempt) ── next ──▶ join …
///                          │                        │
///                          ▼ granted, refused       ▼ its own time is up, or it never was in the queue
///                         over                     over
///
/// Queues do not outlive the daemon, and a restart closes the waiters' connections. The wait then joins again, with the
/// same request id, until its own time is up. A daemon that cannot be reached at first is an error at once. A grant
/// that expired before this client heard of it does not count: the wait joins again.
struct WaitState {
    typealias Instant = ContinuousClock.Instant

    /// What to do next.
    enum Step {
        /// Join the queue, or ask for the lease, with what is left of the wait.
        case join(LeaseWait)
        /// Wait before the next attempt, counted from 1, but not past the instant.
        case pause(attempt: Int, until: Instant?)
        case fail(LeaseClientError)
    }

    private let isWaiting: Bool
    /// When the wait's own time is up, or `nil` for never.
    private let end: Instant?
    /// Whether the daemon may be away even before the first attempt.
    private var mayBeAway: Bool
    private var attempts = 0

    /// Begins a wait.
    ///
    /// - Parameter mayBeAway: whether to wait for a daemon that cannot be reached from the start.
    init(_ wait: LeaseWait, mayBeAway: Bool = false, now: Instant) {
        self.mayBeAway = mayBeAway
        switch wait {
        case .none:
            isWaiting = false
            end = now
        case .upTo(let duration):
            isWaiting = duration > .zero
            // An instant too far to represent counts as never.
            end = duration < .seconds(Int64.max >> 8) ? now + max(duration, .zero) : nil
        case .forever:
            isWaiting = true
            end = nil
        }
    }

    /// What to do for the first attempt, or after a pause.
    func next(now: Instant) -> Step {
        guard isWaiting else { return .join(.none) }
        guard let end else { return .join(.forever) }
        let left = max(now.duration(to: end), .milliseconds(1))
        let (seconds, attoseconds) = left.components
        let isWhole = attoseconds.isMultiple(of: 1_000_000_000_000_000)
        let milliseconds = attoseconds / 1_000_000_000_000_000 + (isWhole ? 0 : 1)
        return .join(.upTo(.seconds(seconds) + .milliseconds(milliseconds)))
    }

    mutating func failed(_ error: LeaseClientError, now: Instant) -> Step {
        guard isWaiting else { return .fail(error) }
        switch error.code {
        case .connectionClosed:
            // It was in the queue, or nearly.
            mayBeAway = true
            attempts = 0
        case .connectionFailed where error.isOwnShortage:
            // The daemon may be running: only this process cannot reach it.
            return .fail(error)
        case .connectionFailed, .busy, .unavailable:
            guard mayBeAway else { return .fail(error) }
        case .expired:
            // It was granted, and expired before this client looked.
            return next(now: now)
        default:
            return .fail(error)
        }
        if let end, now >= end { return .fail(error) }
        attempts += 1
        return .pause(attempt: attempts, until: end)
    }
}
