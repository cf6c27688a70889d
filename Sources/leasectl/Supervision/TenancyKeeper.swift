import LeaseClient
import LeaseCore

/// Acquires the lease of a run, keeps it, and gives it back: the part of `leasectl run` that talks to the daemon.
///
/// It is told to stop by the cancellation of its task, and tells what happens by ``post``, in the order of
/// ``Tenancy/Event``.
struct TenancyKeeper: Sendable {
    /// How long a release is tried again when the daemon is away.
    private static let releasePatience: Duration = .seconds(5)
    /// Between two tries.
    private static let releasePause: Duration = .milliseconds(200)

    let client: LeaseClient
    let name: LeaseName
    let ttl: TTL
    let grace: Duration
    let owner: String
    let post: @Sendable (Tenancy.Event) -> Void

    /// Runs until the lease is given back, or was never granted.
    func run() async {
    }
}
