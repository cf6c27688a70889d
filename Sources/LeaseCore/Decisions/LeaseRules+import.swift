/// The rules for a lease that comes with an imported entry.
extension LeaseRules {
    /// Decides what becomes of an imported lease: the tenure that it is, or `nil` if it is past.
    ///
    /// A tenure in force with another fence is in its way; over the same fence it replaces. What the entry does not say is
    /// filled in: the fence is the token, the user is the importer, the TTL is what is left. The group and the process are
    /// the importer's, since no entry carries them.
    ///
    /// - Parameters:
    ///   - lease: The lease as the entry has it.
    ///   - name: The lease's name.
    ///   - tenure: The lease's tenure as it is stored, or `nil` if the lease is free.
    ///   - caller: Who imports.
    ///   - now: The instant of the decision, on both clocks.
    /// - Throws: ``LeaseError/Code/denied`` unless an administrator imports, ``LeaseError/Code/invalidRequest`` if the
    ///   numbers do not fit, ``LeaseError/Code/conflict`` if another tenure is in force.
    public static func admit(
        _ lease: EntryLease,
        on name: LeaseName,
        over tenure: Tenure?,
        by caller: Caller,
        now: Moment
    ) throws(LeaseError) -> Tenure? {
        guard caller.isAdministrator else {
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
            throw LeaseError(
                .conflict,
                "lease '\(name)' is held by '\(tenure.holder.owner)' with fence \(tenure.fence), not \(fence); import it when it is free"
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
