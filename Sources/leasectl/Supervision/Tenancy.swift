import LeaseCore

/// The lease of a run, as the supervisor sees it: what comes from the task that keeps it, and what goes to it.
enum Tenancy {
    /// What was granted.
    struct Grant: Hashable, Sendable {
        let name: LeaseName
        /// The token of the grant: what the job carries.
        let fence: Token
        let owner: String
        let ttl: TTL
    }

    /// What the keeping task tells. One `granted` or `refused` comes first; after `granted` at most one `lost`; the last
    /// is `refused` or `released`.
    enum Event: Hashable, Sendable {
        case granted(Grant)
        case refused(Refusal)
        case lost(Loss)
        case released(ReleaseResult)
    }

    /// What the supervisor tells the keeping task: that the lease is wanted no more.
    struct Orders: Sendable {
        private let stream: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation

        init() {
            (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
        }

        /// Orders to stop asking, keeping and renewing, and to give back what was granted. May be called from any thread.
        func finish() {
            continuation.finish()
        }

        /// Returns when that was ordered, or when the calling task is cancelled.
        func finished() async {
            for await _ in stream {}
        }
    }
}
