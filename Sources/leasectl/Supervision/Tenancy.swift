import LeaseClient
import LeaseCore

/// The lease of a run, as the supervisor sees it.
enum Tenancy {
    /// What is asked for.
    struct Request: Hashable, Sendable {
        let name: LeaseName
        let ttl: TTL
        let grace: Duration
        let owner: String
        /// What takes its place if the daemon says that it is too long, or `nil` if it must not be another.
        var shortOwner: String?
        let wait: LeaseWait
        /// Whether the lease is to be tied: then a clock is never a reason to lose it.
        let isTied: Bool
    }

    /// What was granted.
    struct Grant: Hashable, Sendable {
        let name: LeaseName
        /// The token of the grant: what the job carries.
        let fence: Token
        let owner: String
        let ttl: TTL
    }

    /// What the keeping task tells.
    ///
    /// `granted` or `refused` comes first, or `released` if it was told to stop asking when the lease was granted
    /// already; `tiedAnew` may follow `granted`; after `granted` the first `lost` counts; the last is `refused` or
    /// `released`.
    enum Event: Hashable, Sendable {
        /// The lease is held, and tied by a descriptor, if it was to be tied, which is the receiver's from now on.
        case granted(Grant, tie: Int32?)
        /// The daemon was away, and the lease is tied by another descriptor, which is the receiver's, too.
        case tiedAnew(Int32)
        case refused(Refusal)
        case lost(Loss)
        case released(ReleaseResult)
    }

    /// What the keeping task is told.
    enum Order: Hashable, Sendable {
        /// Give the lease back.
        case release
        /// Let the lease end by itself after this time.
        case leave(Duration)
    }
}
