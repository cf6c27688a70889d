import LeaseCore

/// One row of the journal: something that happened, at its place in the order of everything that happened.
struct JournalEntry: Hashable {
    /// The place: one more than the row before it.
    let sequence: Int64
    /// When it was decided, for display and retention.
    let at: WallInstant
    /// What happened.
    let content: Content

    enum Content: Hashable {
        /// Something happened to a lease, in the tenure with this fence.
        case lease(LeaseName, fence: Token, TenureEvent)
        /// A token was issued without a lease.
        case token(Token)
    }

    /// The token that this entry issued or brought in, if it did: later ones are greater.
    var issuedToken: Token? {
        switch content {
        case .token(let token): token
        case .lease(_, _, .granted(let tenure)), .lease(_, _, .imported(let tenure)): tenure.token
        case .lease(_, _, .renewed(let renewal)): renewal.token
        case .lease: nil
        }
    }

    /// What the entry makes of its lease; `false`, with the lease left as it was, if it does not follow from its state.
    func apply(to tenure: inout Tenure?) -> Bool {
        guard case .lease(_, let fence, let event) = content else { return true }
        // A grant brings its own fence; whatever follows is of the tenure that is there.
        guard tenure == nil || tenure?.fence == fence else { return false }
        return event.apply(to: &tenure)
    }

    /// Whether the row stays as history once the tables hold its effect: who held what, when, and how it ended.
    var isHistory: Bool {
        switch content {
        case .lease(_, _, .granted), .lease(_, _, .imported), .lease(_, _, .revoking), .lease(_, _, .ended): true
        case .lease(_, _, .renewed), .lease(_, _, .resumed), .lease(_, _, .attached), .lease(_, _, .overdue), .token:
            false
        }
    }
}
