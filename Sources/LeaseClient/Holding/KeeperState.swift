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
/// goes on with the newest token. A daemon that is down is no loss, since nobody can be granted meanwhile. But if others
/// could be granted without this client hearing of it (a store that several hosts share), or if the daemon answers and
/// will not renew, the lease counts as lost at the deadline less the grace.
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
        case lost(LeaseLoss)
    }

    private let grace: Duration
    private let isShared: Bool
    private let pause: Duration
    private(set) var lease: Lease
    private var phase: Phase
    /// What the daemon answered in place of a renewal, if the last attempt was answered.
    private var refusal: LeaseClientError?

    /// Begins with a lease as it was granted.
    ///
    /// - Parameters:
    ///   - isShared: whether others can be granted while this client does not hear from the store.
    ///   - pause: between an attempt that failed and the next.
    ///   - jitter: what the waiting is multiplied with, up to 1, so that many holders do not renew at once.
    init(lease: Lease, grace: Duration, isShared: Bool, pause: Duration, now: Instant, jitter: Double) {
        self.lease = lease
        self.grace = grace
        self.isShared = isShared
        self.pause = pause
        self.phase = .renewed(due: now)
        schedule(now: now, jitter: jitter)
    }

    /// The instant from which the lease must not be relied on.
    private var limit: Instant { lease.deadline - grace }

    /// What to do at `now`.
    func step(now: Instant) -> Step {
        if case .lost(let loss) = phase { return .lost(loss) }
        if now >= limit, isShared || refusal != nil {
            let why = refusal?.message ?? "the store could not be reached"
            return .lost(LeaseLoss(.unrenewable, "lease '\(lease.name)' could not be renewed in time: \(why)"))
        }
        switch phase {
        case .renewed(let due), .failed(let due):
            guard now < due else { return .renew(until: isShared ? limit : nil) }
            return .sleep(until: isShared || refusal != nil ? min(due, limit) : due)
        case .superseded(let due):
            guard now < due else { return .look(until: isShared ? limit : nil) }
            return .sleep(until: isShared || refusal != nil ? min(due, limit) : due)
        case .lost(let loss): return .lost(loss)
        }
    }

    /// A renewal was answered.
    mutating func renewed(_ lease: Lease, now: Instant, jitter: Double) {
        self.lease = lease
        refusal = nil
        schedule(now: now, jitter: jitter)
    }

    /// A renewal or a question failed.
    mutating func failed(_ error: LeaseClientError, now: Instant) {
        switch error.code {
        case .revoked: phase = .lost(LeaseLoss(.revoked, error.message))
        case .expired: phase = .superseded(due: now)
        default:
            refusal = error.code.answer == nil ? nil : error
            if case .superseded = phase {
                phase = .superseded(due: now + pause)
            } else {
                phase = .failed(due: now + pause)
            }
        }
    }

    /// The daemon told who holds the lease, asked at `sentAt`.
    mutating func looked(_ status: LeaseStatus?, sentAt: Instant, now: Instant, jitter: Double) {
        guard let status, status.fence == lease.fence else {
            phase = .lost(LeaseLoss(.expired, "the tenure of lease '\(lease.name)' with fence \(lease.fence) is over"))
            return
        }
        guard status.state != .revoking else {
            phase = .lost(LeaseLoss(.revoked, "lease '\(lease.name)' is being ended by force"))
            return
        }
        let newest = Lease(
            name: lease.name,
            fence: lease.fence,
            token: status.token,
            ttl: lease.ttl,
            deadline: sentAt + status.remaining
        )
        renewed(newest, now: now, jitter: jitter)
    }

    private mutating func schedule(now: Instant, jitter: Double) {
        let left = max(now.duration(to: limit), .zero)
        phase = .renewed(due: now + left / 3 * jitter)
    }
}
