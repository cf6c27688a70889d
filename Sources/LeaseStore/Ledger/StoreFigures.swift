import CLinux
import Glibc
package import LeaseCore

/// What a store can tell of itself at any time without reading the file.
package struct StoreFigures: Sendable {
    /// The file.
    package let path: String
    /// Leases in force in memory; some of them may be past their end and not yet ended.
    package let leases: Int
    /// The last token issued, or `nil` before the first.
    package let lastToken: Token?
    /// How far the last token is ahead of the wall clock.
    package let tokenLead: Duration
    /// The place of the last row of the journal.
    package let sequence: Int64
    /// Rows of the journal that the tables lack.
    package let foldBacklog: Int64
    /// Rows of history.
    package let historyRows: Int64
    /// The name of the function that hashes keys.
    package let keyHash: String
    /// Bytes of the file and of its log.
    package let fileBytes: Int64
    package let logBytes: Int64
}

extension Ledger {
    /// The store's figures; asks the file system for the sizes.
    package var figures: StoreFigures {
        StoreFigures(
            path: file.path,
            leases: leases.count,
            lastToken: tokens.last,
            tokenLead: tokens.lead(over: clock.now().wall),
            sequence: lastDurableSequence,
            foldBacklog: foldBacklog,
            historyRows: historyCount,
            keyHash: configuration.keyHash.name,
            fileBytes: Self.size(of: file.path),
            logBytes: Self.size(of: file.path + "-wal")
        )
    }

    private static func size(of path: String) -> Int64 {
        var information = stat()
        return stat(path, &information) == 0 ? Int64(information.st_size) : 0
    }
}
