/// When to renew a lease, and when it is lost, as a pure state machine.
///
///     grant or renewal                                            deadline
///        ├────────────┼────────────┼────────────┼─────── grace ──────┤
///        sent       renew        again        again
///
/// A renewal is due at each third of the time left before the grace, so that two attempts may fail. A failed attempt is
/// repeated after a pause.
///
/// A lease is **lost** when the daemon answers `REVOKED`, or `EXPIRED` for a tenure that is no longer this client's. On
/// `EXPIRED` the keeper asks for the holder first: if the fence is unchanged, someone else renewed (perhaps the job),
/// and it continues with the newest token. `HOLDER` does not say why a tenure ended; the reason comes from the daemon's
/// message or from a refused renewal.
///
/// A daemon that is down is no loss: nobody can be granted. The lease counts as lost at the deadline less the grace if
/// the keeper was told so (`isLostAtDeadline`), if the daemon refuses to renew, or if only this process cannot reach it
/// (a socket that it may not open, no descriptor left); and at once if the client is closed.
///
/// **A binding or tie** ends when the daemon stops, and is made again as soon as the daemon is back. Until then the
/// tenure goes on by time. A tied lease does not end by time, so a refusal is no loss.
struct KeeperState {
    typealias Instant = ContinuousClock.Instant

    /// What to do next.
    enum Step: Equatable {
        case sleep(until: Instant)
        /// Renew; if not `nil`, only until then.
        case renew(until: Instant?)
        /// Ask who holds the lease; if not `nil`, only until then.
        case look(until: Instant?)
        /// Bind or tie it again; if not `nil`, only until then.
        case attach(until: Instant?)
        /// The lease is not held any more.
        case lost(LeaseLoss)
    }

    private enum Phase {
        /// Renewed; the next renewal is due at an instant.
        case renewed(due: Instant)
        /// The last attempt failed; the next is due at an instant.
        case failed(due: Instant)
        /// The token is no longer the newest; the holder must be asked for at an instant.
        case superseded(due: Instant)
        /// The lease is being ended by force; a refused renewal will say why.
        case unexplained
        case lost(LeaseLoss)
    }

    /// Whether the binding or tie exists.
    private enum Attachment {
        case made
        /// It must be made again at an instant.
        case lost(due: Instant)
    }

    private let grace: Duration
    private let isLostAtDeadline: Bool
    private let pause: Duration
    private let holding: LeaseHolding
    private(set) var lease: Lease
    private var phase: Phase
    private var attachment: Attachment
    /// The daemon's refusal, if it answered the last attempt without renewing, or if only this process cannot reach it.
    private var refusal: LeaseClientError?
    /// The daemon's message about the tenure's end by force, if it sent one.
    private var revocation: LeaseEvent?

    /// Begins with a lease as it was granted.
    ///
    /// - Parameters:
    ///   - isLostAtDeadline: whether the lease is lost at the deadline less the grace if it could not be renewed, for any
    ///     reason.
    ///   - holding: what the lease is bound or tied to.
    ///   - pause: the time between a failed attempt and the next.
    ///   - jitter: a factor up to 1 for the waiting time, so that many holders do not renew at once.
    init(
        lease: Lease,
        grace: Duration,
        isLostAtDeadline: Bool,
        holding: LeaseHolding = .byTime,
        pause: Duration,
        now: Instant,
        jitter: Double
    ) {
        self.lease = lease
        self.grace = grace
        self.isLostAtDeadline = isLostAtDeadline
        self.pause = pause
        self.holding = holding
        self.attachment = .made
        self.phase = .renewed(due: now)
        schedule(now: now, jitter: jitter)
    }

    /// The instant from which the lease must not be relied on.
    private var limit: Instant { lease.deadline - grace }

    /// Whether the binding or tie exists, as far as is known.
    var isAttached: Bool {
        if case .made = attachment { true } else { false }
    }

    /// Whether the tenure may end at its deadline without this client hearing of it.
    private var endsUnheard: Bool {
        if isLostAtDeadline { return true }
        if holding == .tied, isAttached { return false }
        return refusal != nil
    }

    func step(now: Instant) -> Step {
        if case .lost(let loss) = phase { return .lost(loss) }
        if now >= limit, endsUnheard {
            let why = refusal?.message ?? "the store could not be reached"
            return .lost(LeaseLoss(.unrenewable, "lease '\(lease.name)' could not be renewed in time: \(why)"))
        }
        let end = isLostAtDeadline ? limit : nil
        var due: Instant
        switch phase {
        case .lost(let loss): return .lost(loss)
        case .superseded(let instant):
            // First of all: only the newest token binds, ties and renews.
            guard now < instant else { return .look(until: end) }
            due = instant
        case .renewed(let instant), .failed(let instant):
            due = instant
            if case .lost(let instant) = attachment {
                guard now < instant else { return .attach(until: end) }
                due = min(due, instant)
            }
            guard now < due else { return .renew(until: end) }
        case .unexplained:
            return .renew(until: end)
        }
        return .sleep(until: endsUnheard ? min(due, limit) : due)
    }

    /// A renewal was answered.
    mutating func renewed(_ lease: Lease, now: Instant, jitter: Double) {
        self.lease = lease
        refusal = nil
        // A grace that leaves little or nothing of the TTL must not cause renewals without a pause. If the lease is lost
        // at the deadline less the grace, it is renewed before that, however soon.
        let left = max(now.duration(to: lease.deadline), .zero)
        schedule(now: now, jitter: jitter, atLeast: isLostAtDeadline ? .zero : min(pause, left / 3))
    }

    /// A renewal or a question for the holder failed.
    mutating func failed(_ error: LeaseClientError, now: Instant) {
        switch error.code {
        case .revoked: phase = .lost(LeaseLoss(.revoked, error.message))
        case .expired: phase = .superseded(due: now)
        default:
            guard error.code != .clientClosed else {
                phase = .lost(LeaseLoss(.unrenewable, "lease '\(lease.name)' cannot be renewed: \(error.message)"))
                return
            }
            if case .unexplained = phase {
                phase = .lost(forced)
                return
            }
            refusal = error.mayLeaveTheDaemonServingOthers ? error : nil
            if case .superseded = phase, refusal == nil {
                phase = .superseded(due: now + pause)
            } else {
                // A renewal may be answered where a question is not: a holder may still renew even if it may no longer
                // see the lease.
                phase = .failed(due: now + pause)
            }
        }
    }

    /// Something happened to the lease or to the daemon: the holder must be asked for at once.
    ///
    /// - Parameter message: the last message about an end by force, of any tenure.
    mutating func alerted(by message: LeaseEvent? = nil, now: Instant) {
        if let message, message.fence == lease.fence { revocation = message }
        switch phase {
        case .renewed, .failed: phase = .superseded(due: now)
        case .superseded, .unexplained, .lost: break
        }
    }

    /// The connection that the lease was bound or tied to has ended.
    mutating func detached(now: Instant) {
        guard holding != .byTime, isAttached else { return }
        attachment = .lost(due: now)
    }

    /// The lease was bound or tied again.
    ///
    /// - Parameter lease: the renewed lease, if it was also renewed.
    mutating func attached(_ lease: Lease?, now: Instant, jitter: Double) {
        attachment = .made
        if let lease { renewed(lease, now: now, jitter: jitter) }
    }

    /// The lease could not be bound or tied again.
    mutating func attachingFailed(_ error: LeaseClientError, now: Instant) {
        switch error.code {
        case .revoked: phase = .lost(LeaseLoss(.revoked, error.message))
        case .expired: phase = .superseded(due: now)
        case .connectionFailed where error.mayLeaveTheDaemonServingOthers:
            refusal = error
            attachment = .lost(due: now + pause)
        default: attachment = .lost(due: now + pause)
        }
    }

    /// The daemon's answer to a question for the holder, asked at `sentAt`.
    mutating func looked(_ status: LeaseStatus?, sentAt: Instant, now: Instant, jitter: Double) {
        guard let status, status.fence == lease.fence else {
            phase = .lost(revocation == nil ? over : forced)
            return
        }
        guard status.state != .revoking else {
            phase = revocation == nil ? .unexplained : .lost(forced)
            return
        }
        let newest = Lease(
            name: lease.name,
            fence: lease.fence,
            token: status.token,
            ttl: lease.ttl,
            deadline: sentAt + status.remaining
        )
        lease = newest
        refusal = nil
        schedule(now: now, jitter: jitter)
    }

    private var over: LeaseLoss {
        LeaseLoss(.expired, "the tenure of lease '\(lease.name)' with fence \(lease.fence) is over")
    }

    private var forced: LeaseLoss {
        let reason = revocation?.reason.flatMap { $0.isEmpty ? nil : ": \($0)" } ?? ""
        return LeaseLoss(.revoked, "lease '\(lease.name)' is being ended by force\(reason)")
    }

    private mutating func schedule(now: Instant, jitter: Double, atLeast least: Duration = .zero) {
        let left = max(now.duration(to: limit), .zero)
        phase = .renewed(due: now + max(left / 3 * jitter, least))
    }
}
