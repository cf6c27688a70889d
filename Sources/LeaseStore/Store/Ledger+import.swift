import LeaseCore

/// Import: entries of another store, or of this one at another time, all or none.
extension Ledger {
    /// Imports the entries: values overwrite, children are added, leases follow
    /// ``LeaseCore/LeaseRules/admit(_:on:over:by:now:lastToken:)``.
    ///
    /// Everything is decided before anything is written, each lease on top of the entries before it.
    func importEntries(_ entries: [StoreEntry], by caller: Caller, now: Moment) throws(LeaseError) {
        for value in entries.lazy.compactMap(\.value) { try requireAllowedLength(of: value) }
        makeRoom(for: entries.count { $0.lease != nil }, by: caller, now: now)
        var admitted: [(name: LeaseName, tenure: Tenure)] = []
        var current: [LeaseName: Tenure] = [:]
        var highestToken: Token?
        /// How many leases that are free now would be held, and how many more by each user.
        var (added, addedByUser) = (0, [UInt32: Int]())
        for entry in entries {
            guard let lease = entry.lease else { continue }
            let name = LeaseName(entry.key)
            let over = current[name] ?? leases[name]
            let admission = try LeaseRules.admit(
                lease,
                on: name,
                over: over,
                by: caller,
                now: now,
                lastToken: tokens.last
            )
            if let tenure = admission {
                if over == nil { added += 1 }
                addedByUser[tenure.holder.uid, default: 0] += 1
                if let over { addedByUser[over.holder.uid, default: 0] -= 1 }
                current[name] = tenure
                admitted.append((name, tenure))
            }
            highestToken = max(lease.token, highestToken ?? lease.token)
        }
        try requireRoom(for: added, ofUsers: addedByUser, by: caller)
        roomToGrow = 0
        try requireRoom(for: 0)
        if entries.contains(where: { $0.value != nil || !$0.children.isEmpty }) {
            try write {
                for entry in entries {
                    try statements.store.merge(entry)
                }
            }
            // How much was written is not counted.
            roomToGrow = 0
        }
        for (name, tenure) in admitted {
            endIfOver(name, now: now)
            append(.lease(name, fence: tenure.fence, .imported(tenure)), now)
        }
        // A past lease leaves its token behind: this store's tokens continue after it.
        if let highestToken, tokens.last.map({ $0 < highestToken }) ?? true {
            append(.token(highestToken), now)
        }
    }

    /// Refuses more leases than are allowed: imported leases count like granted ones.
    private func requireRoom(
        for added: Int,
        ofUsers addedByUser: [UInt32: Int],
        by caller: Caller
    ) throws(LeaseError) {
        let count = leases.count + added
        let quota = configuration.leaseQuota
        let most = quota.total(for: caller)
        guard added == 0 || count <= most else {
            throw LeaseError(
                .busy,
                "with these there would be \(count) leases, and \(most) is the most; release some, or raise the limit"
            )
        }
        guard !caller.isAdministrator else { return }
        for (uid, more) in addedByUser where more > 0 && leases.counts[uid] + more > quota.perUser {
            throw LeaseError(
                .busy,
                "with these uid \(uid) would hold \(leases.counts[uid] + more) leases, and \(quota.perUser) is the most for one user; release some, or raise the limit"
            )
        }
    }
}
