/// One wait for a lease over any number of connections, as a pure state machine.
///
///     next ──▶ join(what is left of the wait) ── failed ──▶ pause(attempt) ── next ──▶ join …
///                          │                        │
///                          ▼ granted, refused       ▼ its own time is up, or it never was in the queue
///                         over                     over
///
/// A restart of the daemon closes its waiters' connections, since queues do not outlive it: the wait joins again, with the
/// same request id, until its own time is up. A daemon that cannot be reached at first is an error at once. A grant whose
/// time was up before this client heard of it is none: the wait joins again.
struct WaitState {
    typealias Instant = ContinuousClock.Instant

    /// What to do next.
    enum Step {
        /// Join the queue, or ask for the lease, with what is left of the wait.
        case join(LeaseWait)
        /// Wait before the next attempt, counted from 1, but not longer than until then.
        case pause(attempt: Int, until: Instant?)
        case fail(LeaseClientError)
    }

    private let isWaiting: Bool
    /// When the wait's own time is up, or `nil` for never.
    private let end: Instant?
    /// Whether the daemon may be away before the first attempt, too.
    private var mayBeAway: Bool
    private var attempts = 0

    /// Begins a wait.
    ///
    /// - Parameter mayBeAway: whether a daemon that cannot be reached is waited for from the beginning.
    init(_ wait: LeaseWait, mayBeAway: Bool = false, now: Instant) {
        self.mayBeAway = mayBeAway
        switch wait {
        case .none:
            isWaiting = false
            end = now
        case .upTo(let duration):
            isWaiting = duration > .zero
            // An instant that is too far to be written is never.
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

    /// An attempt failed.
    mutating func failed(_ error: LeaseClientError, now: Instant) -> Step {
        guard isWaiting else { return .fail(error) }
        switch error.code {
        case .connectionClosed:
            // It was in the queue, or nearly.
            mayBeAway = true
            attempts = 0
        case .connectionFailed where error.isOwnShortage:
            // The daemon may be there: it is this process that cannot get to it.
            return .fail(error)
        case .connectionFailed, .busy, .unavailable:
            guard mayBeAway else { return .fail(error) }
        case .expired:
            // It was granted, and its time was up before this client looked.
            return next(now: now)
        default:
            return .fail(error)
        }
        if let end, now >= end { return .fail(error) }
        attempts += 1
        return .pause(attempt: attempts, until: end)
    }
}
