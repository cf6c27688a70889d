/// The rules for a lease in an imported entry.
extension LeaseRules {
    /// Decides what becomes of an imported lease: its tenure, or `nil` if it is past.
    ///
    /// A tenure in force with another fence is a conflict; one with the same fence is replaced. Missing fields are
    /// filled in: the fence is the token, the user is the importer, the TTL is the time left. If the fence is the same,
    /// what no entry carries, such as a tie, stays as it is; otherwise the group and the process are the importer's.
    ///
    /// - Parameters:
    ///   - lease: The lease as the entry has it.
    ///   - name: The lease's name.
    ///   - tenure: The lease's tenure as it is stored, or `nil` if the lease is free.
    ///   - caller: The importer.
    ///   - now: The instant of the decision, on both clocks.
    ///   - lastToken: The last token that the store has issued, if any.
    /// - Throws: ``LeaseError/Code/denied`` unless an administrator imports, or if an administrator of only some leases
    ///   would move the store's tokens ahead of time; ``LeaseError/Code/invalidRequest`` if the numbers do not fit;
    ///   ``LeaseError/Code/conflict`` if another tenure is in force.
    package static func admit(
        _ lease: EntryLease,
        on name: LeaseName,
        over tenure: Tenure?,
        by caller: Caller,
        now: Moment,
        lastToken: Token? = nil
    ) throws(LeaseError) -> Tenure? {
        guard caller.mayAdminister(name) else {
            throw LeaseError(
                .denied,
                "uid \(caller.uid) may not import lease '\(name)'; leave leases out, or ask an administrator"
            )
        }
        guard lease.token.rawValue <= EntryLease.highestToken else {
            throw LeaseError(
                .invalidRequest,
                "the token \(lease.token) of lease '\(name)' is over \(EntryLease.highestToken); the store's own tokens would run out"
            )
        }
        // All leases share the tokens: an administrator of only some leases moves them no further than time does.
        let reached = max(now.wall.microseconds, lastToken?.rawValue ?? 0)
        guard caller.isAdministrator || lease.token.rawValue <= reached else {
            throw LeaseError(
                .denied,
                "uid \(caller.uid) may not import lease '\(name)' with the token \(lease.token), which is ahead of this store's; ask an administrator of all leases"
            )
        }
        let fence = lease.fence ?? lease.token
        guard fence <= lease.token else {
            throw LeaseError(
                .invalidRequest,
                "the fence \(fence) of lease '\(name)' is above its token \(lease.token); a fence is its tenure's first token"
            )
        }
        let left = now.wall.duration(to: lease.expiresAt)
        guard left <= TTL.max.duration else {
            throw LeaseError(.invalidRequest, "lease '\(name)' would last longer than \(TTL.max), the longest TTL")
        }
        guard left > .zero else { return nil }
        if let tenure, tenure.ending(at: now.boot) == nil, tenure.fence != fence {
            let left = tenure.remaining(at: now.boot).wholeMilliseconds
            throw LeaseError(
                .conflict,
                "lease '\(name)' is held by '\(tenure.holder.owner)' for \(left) ms more, with fence \(tenure.fence), not \(fence); import it when it is free"
            )
        }
        let ttl = if let ttl = lease.ttl { ttl } else { try TTL(max(left, TTL.min.duration)) }
        let holder = Holder(
            uid: lease.uid ?? caller.uid,
            gid: caller.gid,
            pid: caller.pid,
            owner: lease.owner ?? .empty
        )
        return Tenure(
            fence: fence,
            token: lease.token,
            holder: holder,
            ttl: ttl,
            deadline: now.advanced(by: left),
            acquiredAt: now.wall,
            renewals: 0,
            request: nil,
            revocation: nil,
            isExtended: false
        )
    }
}
