/// When to renew a lease, and when it is lost, as a pure state machine.
///
///     grant or renewal                                            deadline
///        ├────────────┼────────────┼────────────┼─────── grace ──────┤
///        sent       renew        again        again
///
/// It renews each third of what is left before the grace, so that two attempts may fail. An attempt that fails is
/// repeated after a pause.
///
/// **Lost** is a lease when the daemon says so: `REVOKED`, or `EXPIRED` by a tenure that is not its own any more. After
/// `EXPIRED` it asks for the holder first: if the fence is still its own, somebody else renewed, the job perhaps, and it
/// goes on with the newest token. Who asks is told that a tenure is being ended by force, or is over, and not why: the
/// reason comes from the daemon's message, or from the refusal of a renewal. A daemon that is down is no loss, since nobody can be granted meanwhile. But if others
/// could be granted without this client hearing of it (a store that several hosts share), if the daemon answers and
/// will not renew, or if this process alone does not get to it (a socket that is closed to it, no descriptor), the
/// lease counts as lost at the deadline less the grace. So it does at once when its own client is closed.
///
/// **What it is bound or tied to** ends when the daemon stops. It is made anew as soon as the daemon is back; until then
/// the tenure goes on by time. While a lease is tied it does not end by time, so a refusal is no loss.
struct KeeperState {
    typealias Instant = ContinuousClock.Instant

    /// What to do next.
    enum Step: Equatable {
        /// Wait until then.
        case sleep(until: Instant)
        /// Renew; if not `nil`, only until then.
        case renew(until: Instant?)
        /// Ask who holds the lease; if not `nil`, only until then.
        case look(until: Instant?)
        /// Bind or tie it anew; if not `nil`, only until then.
        case attach(until: Instant?)
        /// The lease is not held any more.
        case lost(LeaseLoss)
    }

    private enum Phase {
        /// Renewed; the next renewal is due at an instant.
        case renewed(due: Instant)
        /// The last attempt failed; the next is due at an instant.
        case failed(due: Instant)
        /// The token is not the newest one; the holder is to be asked for at an instant.
        case superseded(due: Instant)
        /// It is being ended by force, and the refusal of a renewal is to tell why.
        case unexplained
        case lost(LeaseLoss)
    }

    /// Whether there is what the lease is bound or tied to.
    private enum Attachment {
        case made
        /// It is to be made anew at an instant.
        case lost(due: Instant)
    }

    private let grace: Duration
    private let isLostAtDeadline: Bool
    private let pause: Duration
    private let holding: LeaseHolding
    private(set) var lease: Lease
    private var phase: Phase
    private var attachment: Attachment
    /// What the daemon answered in place of a renewal, if the last attempt was answered.
    private var refusal: LeaseClientError?
    /// What the daemon told of the tenure's end by force, if it did.
    private var revocation: LeaseEvent?

    /// Begins with a lease as it was granted.
    ///
    /// - Parameters:
    ///   - isLostAtDeadline: whether it is lost at the deadline less the grace if it could not be renewed, for whatever
    ///     reason.
    ///   - holding: what the lease is bound or tied to.
    ///   - pause: between an attempt that failed and the next.
    ///   - jitter: what the waiting is multiplied with, up to 1, so that many holders do not renew at once.
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

    /// Whether what the lease is bound or tied to is there, as far as was told.
    var isAttached: Bool {
        if case .made = attachment { true } else { false }
    }

    /// Whether the tenure may end at its deadline without this client hearing of it.
    private var endsUnheard: Bool {
        if isLostAtDeadline { return true }
        if holding == .tied, isAttached { return false }
        return refusal != nil
    }

    /// What to do at `now`.
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
            // Before all else: only the newest token binds, ties and renews.
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
        // A grace that leaves hardly anything of the TTL, or nothing, must not make it renew without a pause. Where the
        // lease is lost at the deadline less the grace it is renewed before that, however soon.
        let left = max(now.duration(to: lease.deadline), .zero)
        schedule(now: now, jitter: jitter, atLeast: isLostAtDeadline ? .zero : min(pause, left / 3))
    }

    /// A renewal or a question failed.
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
                // A renewal may be answered where a question is not: what was granted stays its holder's to renew, also if
                // it may not see the lease any more.
                phase = .failed(due: now + pause)
            }
        }
    }

    /// Something happened to the lease, or to the daemon: the holder is to be asked for at once.
    ///
    /// - Parameter message: what was told of an end by force, of whichever tenure.
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

    /// It is bound or tied anew.
    ///
    /// - Parameter lease: what is now known of it, if that is more than before.
    mutating func attached(_ lease: Lease?, now: Instant, jitter: Double) {
        attachment = .made
        if let lease { renewed(lease, now: now, jitter: jitter) }
    }

    /// It could not be bound or tied anew.
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

    /// The daemon told who holds the lease, asked at `sentAt`.
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
