import LeaseCore

/// The lease of a run, as the supervisor sees it.
enum Tenancy {
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
    /// `granted` or `refused` comes first; after `granted` at most one `lost`; the last is `refused` or `released`.
    enum Event: Hashable, Sendable {
        case granted(Grant)
        case refused(Refusal)
        case lost(Loss)
        case released(ReleaseResult)
    }
}
