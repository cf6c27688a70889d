import LeaseStore
import LeaseWire

/// The configuration as the parts of the daemon take it.
extension ServerConfiguration {
    /// What the store is opened with.
    var ledger: LedgerConfiguration {
        var ledger = LedgerConfiguration()
        ledger.maximumLeases = limits.leases
        ledger.maximumLeasesPerUser = limits.leasesPerUser
        ledger.leasesReservedForAdministrators = limits.reservedForAdministrators
        ledger.historyAge = historyKeepFor
        ledger.historyRows = Int64(historyKeepRows)
        return ledger
    }
}

extension Limits {
    /// The limits of a frame.
    var frames: FrameLimits {
        FrameLimits(frame: frameBytes, arguments: arguments, inline: inlineBytes, bulk: valueBytes)
    }

    /// The limits of a command's values.
    var values: ValueLimits {
        ValueLimits(name: nameBytes, label: labelBytes, ttl: longestTTL, value: valueBytes)
    }
}
