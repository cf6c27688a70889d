package import LeaseCore

/// The configuration of a store.
package struct LedgerConfiguration: Sendable {
    /// The function that hashes keys.
    package var keyHash = KeyHash.xxh64
    /// How many leases may be in force; they are held in memory.
    package var leaseQuota = Quota(total: 1_000_000, perUser: 1_000_000, reservedForAdministrators: 16)
    /// The size of the file from which values, children and imports are refused; leases are not affected.
    ///
    /// Space that removed keys have left in the file counts as free.
    package var maximumFileBytes: Int64 = .max
    /// The most bytes of a value: far below SQLite's limit for a row (sqlite.org/limits.html).
    package var maximumValueBytes = 512 << 20
    /// The most children that one removal of keys may remove in all: nothing else is done meanwhile.
    package var maximumRemovedChildren = Int.max
    /// From how many frames (4 KiB each) the WAL is checkpointed.
    package var walFrames: Int32 = 4000
    /// How long the history of ended tenures is kept.
    package var historyAge: Duration = .seconds(30 * 86_400)
    /// How many rows of history are kept.
    package var historyRows: Int64 = 100_000

    /// Creates the default configuration.
    package init() {}
}
