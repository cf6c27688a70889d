import CLinux
import GRDB
import Glibc
package import LeaseCore

/// What a store can tell of itself at any time.
package struct StoreFigures: Sendable {
    /// The file, by its absolute path.
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
    /// Bytes of the file that hold something, which is what its limit counts.
    package let usedBytes: Int64
    package let walBytes: Int64
}

extension Ledger {
    /// The store's figures; asks the file and the file system for the sizes.
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
            // A file that cannot be read says so elsewhere.
            usedBytes: (try? file.pool.writeWithoutTransaction { _ in try statements.usedBytes() }) ?? 0,
            walBytes: Self.size(of: file.path + "-wal")
        )
    }

    private static func size(of path: String) -> Int64 {
        var information = stat()
        return stat(path, &information) == 0 ? Int64(information.st_size) : 0
    }
}
