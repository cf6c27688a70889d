import CLinux
import GRDB
import Glibc
package import LeaseCore

/// What a store reports about itself.
package struct StoreFigures: Sendable {
    /// The file's absolute path.
    package let path: String
    /// Leases in force; some may be past their end and not yet ended.
    package let leases: Int
    /// The last token issued, or `nil` before the first.
    package let lastToken: Token?
    /// How far the last token is ahead of the wall clock.
    package let tokenLead: Duration
    /// The sequence number of the last durable journal row.
    package let sequence: Int64
    /// Journal rows that the tables lack.
    package let foldBacklog: Int64
    /// Rows of history.
    package let historyRows: Int64
    /// The name of the function that hashes keys.
    package let keyHash: String
    /// Bytes of the file, without its WAL.
    package let fileBytes: Int64
    /// Bytes of the file that are in use, which is what its limit counts.
    package let usedBytes: Int64
    /// Bytes of the WAL.
    package let walBytes: Int64
}

extension Ledger {
    /// The store's figures; reads the sizes from the file and the file system.
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
            // A file that cannot be read is reported elsewhere.
            usedBytes: (try? file.pool.writeWithoutTransaction { _ in try statements.usedBytes() }) ?? 0,
            walBytes: Self.size(of: file.path + "-wal")
        )
    }

    private static func size(of path: String) -> Int64 {
        var information = stat()
        return stat(path, &information) == 0 ? Int64(information.st_size) : 0
    }
}
