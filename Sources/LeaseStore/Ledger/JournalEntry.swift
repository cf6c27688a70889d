import LeaseCore

/// One row of the journal: something that happened, at its place in the order of all events.
struct JournalEntry: Hashable {
    /// The sequence number: one more than that of the row before.
    let sequence: Int64
    /// When it was decided, for display and retention.
    let at: WallInstant
    let content: Content

    enum Content: Hashable {
        /// Something happened to a lease, in the tenure with this fence.
        case lease(LeaseName, fence: Token, TenureEvent)
        /// A token was issued without a lease, or the token sequence was raised to it.
        case token(Token)
    }

    /// The token that this entry issued or imported, if any; tokens issued later are greater.
    var issuedToken: Token? {
        switch content {
        case .token(let token): token
        case .lease(_, _, .granted(let tenure)), .lease(_, _, .imported(let tenure)): tenure.token
        case .lease(_, _, .renewed(let renewal)): renewal.token
        case .lease: nil
        }
    }

    /// Applies the entry to its lease; returns `false`, with the lease as it was, if it does not follow from its state.
    func apply(to tenure: inout Tenure?) -> Bool {
        guard case .lease(_, let fence, let event) = content else { return true }
        // A grant brings its own fence; every other entry belongs to the present tenure.
        guard tenure == nil || tenure?.fence == fence else { return false }
        return event.apply(to: &tenure)
    }

    /// Whether the row stays as history once it is folded: who held what, when, and how it ended.
    var isHistory: Bool {
        switch content {
        case .lease(_, _, .granted), .lease(_, _, .imported), .lease(_, _, .revoking), .lease(_, _, .ended): true
        case .lease(_, _, .renewed), .lease(_, _, .resumed), .lease(_, _, .attached), .lease(_, _, .overdue), .token:
            false
        }
    }
}
