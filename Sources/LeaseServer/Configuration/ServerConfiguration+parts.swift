import LeaseCore
import LeaseStore
import LeaseWire

/// The configuration in the form that the parts of the daemon take.
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
    var connectionQuota: Quota { quota(connections, perUser: connectionsPerUser) }
    var leaseQuota: Quota { quota(leases, perUser: leasesPerUser) }
    var tieQuota: Quota { quota(ties, perUser: tiesPerUser) }
    var subscriptionQuota: Quota { quota(subscriptions, perUser: subscriptionsPerUser) }

    /// How many places of a total limit only administrators get.
    func reserved(of total: Int) -> Int { min(reservedForAdministrators, total - 1) }

    private func quota(_ total: Int, perUser: Int) -> Quota {
        Quota(total: total, perUser: perUser, reservedForAdministrators: reserved(of: total))
    }

    var frames: FrameLimits {
        FrameLimits(frame: frameBytes, arguments: arguments, inline: inlineBytes, bulk: valueBytes)
    }

    var waiting: WaitLines.Limits {
        WaitLines.Limits(perLease: waitersPerLease, quota: quota(waiters, perUser: waitersPerUser))
    }

    var values: ValueLimits {
        ValueLimits(name: nameBytes, label: labelBytes, ttl: longestTTL, value: valueBytes)
    }
}
