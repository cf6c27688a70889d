import LeaseClient
import LeaseCore

/// The lease of a run, from the supervisor's view.
enum Tenancy {
    /// The requested lease.
    struct Request: Hashable, Sendable {
        let name: LeaseName
        let ttl: TTL
        let grace: Duration
        let owner: String
        /// The label to use instead if the daemon finds the first too long; `nil` if it must not be changed.
        var shortOwner: String?
        let wait: LeaseWait
        /// Whether the lease must be tied: then it never ends by time.
        let isTied: Bool
    }

    /// The granted lease.
    struct Grant: Hashable, Sendable {
        let name: LeaseName
        /// The token of the grant, which the job carries.
        let fence: Token
        let owner: String
        let ttl: TTL
    }

    /// What the keeping task reports.
    ///
    /// `granted` or `refused` comes first, or `released` if the task was cancelled and the lease had already been
    /// granted. `tiedAnew` may follow `granted`; after `granted` the first `lost` counts; the last is `refused` or
    /// `released`.
    enum Event: Hashable, Sendable {
        /// The lease is held. If it is tied, the receiver owns the tie's descriptor from now on.
        case granted(Grant, tie: Int32?)
        /// The daemon was away, and the lease is tied by another descriptor, which the receiver owns as well.
        case tiedAnew(Int32)
        case refused(Refusal)
        case lost(Loss)
        case released(ReleaseResult)
    }

    /// What the keeping task is told to do.
    enum Order: Hashable, Sendable {
        case release
        /// Let the lease end by itself after this time.
        case leave(Duration)
    }
}
