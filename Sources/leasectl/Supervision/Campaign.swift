/// What `leasectl elect` does after each term: the decisions alone.
///
///     campaign ──▶ elected, leads ──▶ the term ends ──┬─ wanted so, or hopeless ─▶ finish
///         ▲                                           └─ failed or lost
///         └───────────────── after the back-off ──────────────┘
///
/// After a failed command the lease is released before this candidate pauses, so that the next one leads.
struct Campaign: Hashable, Sendable {
    /// The shortest pause between two attempts while the daemon is away.
    static let leastPause: Duration = .milliseconds(500)

    /// How long to pause after a failure.
    let backoff: Duration
    /// Whether one term is enough.
    let isOnce: Bool
    /// Whether a lease was granted before: then a daemon that is away is waited for.
    private(set) var hasLed = false

    init(backoff: Duration, isOnce: Bool) {
        self.backoff = backoff
        self.isOnce = isOnce
    }

    enum Step: Hashable, Sendable {
        case finish
        case campaign(after: Duration)
    }

    /// Decides what follows the end of a term, or of an attempt to get one.
    ///
    /// - Parameters:
    ///   - wasGranted: whether there was a term at all.
    ///   - stopSignal: the signal that asked this candidate to stop, if any.
    mutating func ended(_ conclusion: Conclusion, wasGranted: Bool, stopSignal: Int32?) -> Step {
        hasLed = hasLed || wasGranted
        guard stopSignal == nil, !isOnce || !wasGranted else { return .finish }
        switch conclusion {
        case .ended(.exited(0)), .interrupted, .skipped, .internalError: return .finish
        case .ended, .atMostReached, .onWinFailed: return wasGranted ? .campaign(after: backoff) : .finish
        case .lost: return .campaign(after: .zero)
        // Trying again would not make the command executable.
        case .notStarted: return .finish
        case .notAcquired(let refusal):
            // A newly made socket may be closed to this user for a moment, and others may take all descriptors for one.
            guard hasLed, [.unreachable, .unable, .closed, .shortage].contains(refusal.kind) else { return .finish }
            return .campaign(after: max(backoff, Self.leastPause))
        }
    }
}
