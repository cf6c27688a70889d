public import LeaseCore
internal import Synchronization

/// A lease that is being kept: renewed in the background by a ``LeaseKeeper``.
///
/// It can be asked from any task. A job needs ``fence``; the newest token is only for renewing and releasing.
public final class HeldLease: Sendable {
    private struct State {
        var lease: Lease
        var attachment: LeaseAttachment
        var loss: LeaseLoss?
    }

    // Any task may read while the keeper writes; neither waits longer than for a copy.
    private let state: Mutex<State>

    /// The name of the lease.
    public let name: LeaseName

    /// The fencing token, the same for the whole tenure.
    public let fence: Token

    /// Creates a held lease from a grant.
    ///
    /// - Parameters:
    ///   - lease: the lease as it was granted.
    ///   - attachment: what the lease is bound or tied to; a ``LeaseKeeper`` replaces it after a restart of the daemon.
    public init(_ lease: Lease, attachment: LeaseAttachment = .none) {
        self.name = lease.name
        self.fence = lease.fence
        self.state = Mutex(State(lease: lease, attachment: attachment))
    }

    /// The lease as of its last renewal: its newest token and its deadline.
    public var lease: Lease { state.withLock { $0.lease } }

    /// The instant until which nobody else can be granted, as of the last renewal.
    public var deadline: ContinuousClock.Instant { lease.deadline }

    /// Why the lease was lost, or `nil` if it was not.
    public var loss: LeaseLoss? { state.withLock { $0.loss } }

    /// What the lease is bound or tied to, or was last.
    public var attachment: LeaseAttachment { state.withLock { $0.attachment } }

    /// Whether the lease is not lost, and either its deadline has not passed or it is tied.
    ///
    /// While the daemon is down, the deadline may pass without a loss: nobody else can be granted meanwhile.
    public var isHeld: Bool {
        state.withLock { state in
            guard state.loss == nil else { return false }
            if case .tie(let tie) = state.attachment, tie.isOpen { return true }
            return ContinuousClock.now < state.lease.deadline
        }
    }

    func renewed(_ lease: Lease) {
        state.withLock { $0.lease = lease }
    }

    func attached(_ attachment: LeaseAttachment) {
        state.withLock { $0.attachment = attachment }
    }

    func lost(_ loss: LeaseLoss) {
        state.withLock { $0.loss = loss }
    }
}
