/// What `leasectl elect` does after each term: the decision alone.
///
///     campaign ──▶ elected, leads ──▶ the term ends ──┬─ wanted so, or hopeless ─▶ finish
///         ▲                                           └─ failed or lost
///         └───────────────── after the back-off ──────────────┘
///
/// A command that fails has given the lease back before its candidate keeps away, so that the next one leads.
struct Campaign: Hashable, Sendable {
    /// The least time between two attempts when the daemon is away.
    static let leastPause: Duration = .milliseconds(500)

    /// How long to keep away after a failure.
    let backoff: Duration
    /// Whether one term is enough.
    let isOnce: Bool
    /// Whether a lease was granted once: the daemon is known, and is waited for if it is away.
    private(set) var hasLed = false

    init(backoff: Duration, isOnce: Bool) {
        self.backoff = backoff
        self.isOnce = isOnce
    }

    /// What comes next.
    enum Step: Hashable, Sendable {
        case finish
        case campaign(after: Duration)
    }

    /// Takes notice of how a term, or the campaign for one, has ended.
    ///
    /// - Parameters:
    ///   - wasGranted: whether it came to a term at all.
    ///   - stopSignal: the signal that asked this candidate to stop, if one did.
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
            // A socket that is made anew may be closed to this user for a moment, and others may take all descriptors
            // for one.
            guard hasLed, [.unreachable, .unable, .closed, .shortage].contains(refusal.kind) else { return .finish }
            return .campaign(after: max(backoff, Self.leastPause))
        }
    }
}
