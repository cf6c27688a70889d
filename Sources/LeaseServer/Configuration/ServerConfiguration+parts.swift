import LeaseCore
import LeaseStore
import LeaseWire

/// The configuration as the parts of the daemon take it.
extension ServerConfiguration {
    /// What the store is opened with.
    var ledger: LedgerConfiguration {
        var ledger = LedgerConfiguration()
        ledger.leaseQuota = limits.leaseQuota
        ledger.maximumFileBytes = Int64(limits.storeBytes)
        ledger.maximumRemovedChildren = limits.removedChildren
        ledger.historyAge = historyKeepFor
        ledger.historyRows = Int64(historyKeepRows)
        return ledger
    }

    /// Whether what a user may do can depend on its groups.
    var asksForGroups: Bool {
        !administrators.groups.isEmpty || accessRules.contains { if case .group = $0.subject { true } else { false } }
    }
}

extension Limits {
    /// How many connections there may be.
    var connectionQuota: Quota { quota(connections, perUser: connectionsPerUser) }
    /// How many leases may be in force.
    var leaseQuota: Quota { quota(leases, perUser: leasesPerUser) }
    /// How many ties there may be.
    var tieQuota: Quota { quota(ties, perUser: tiesPerUser) }
    /// How many subscriptions there may be.
    var subscriptionQuota: Quota { quota(subscriptions, perUser: subscriptionsPerUser) }

    /// How many places of a limit in all only administrators get.
    func reserved(of total: Int) -> Int { min(reservedForAdministrators, total - 1) }

    private func quota(_ total: Int, perUser: Int) -> Quota {
        Quota(total: total, perUser: perUser, reservedForAdministrators: reserved(of: total))
    }

    /// The limits of a frame.
    var frames: FrameLimits {
        FrameLimits(frame: frameBytes, arguments: arguments, inline: inlineBytes, bulk: valueBytes)
    }

    /// The limits of the waiting lines.
    var waiting: WaitLines.Limits {
        WaitLines.Limits(perLease: waitersPerLease, quota: quota(waiters, perUser: waitersPerUser))
    }

    /// The limits of a command's values.
    var values: ValueLimits {
        ValueLimits(name: nameBytes, label: labelBytes, ttl: longestTTL, value: valueBytes)
    }
}
