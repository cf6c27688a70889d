import GRDB
import LeaseCore

extension Ledger {
    /// How many queries can be under way at once.
    package static let readers = StoreFile.readers

    /// Whether the log is so long that no read is to begin beside another: with one always there it would never end.
    package var isWALOverlong: Bool { file.isWALOverlong }

    /// Carries all of the log over that no read under way holds back; called before a read, when ``isWALOverlong``.
    ///
    /// - Throws: ``CommitFailure/unknown(_:)`` if a sync failed.
    package func checkpointWAL() throws(CommitFailure) {
        commitBegan.start(at: clock.now().boot)
        defer { commitBegan.stop() }
        try file.checkpointWAL()
    }

    /// Answers a query from the tables, on a snapshot beside the writer.
    ///
    /// The snapshot is that of the last commit before the call: values, prefixes and leases as that commit left them,
    /// however far the journal is folded. Whoever wants none that is past its end has ended those and committed before. The
    /// rows that are not folded are read each time, so that whoever wants the answer soon has folded most of them.
    ///
    /// Must not be called with a batch under way. Returns when the snapshot is taken, at once but when as many as
    /// ``readers`` are under way already: then when one of them has ended.
    ///
    /// - Parameter completion: Called on a thread of the reader's, with ``LeaseCore/LeaseError`` of the code `tooBig` if
    ///   the list is over its limits, and with ``StoreError`` if the file cannot be read.
    package func read(
        _ query: StoreQuery,
        limits: ListLimits,
        completion: @escaping @Sendable (Result<StoreListing, any Error>) -> Void
    ) {
        precondition(!hasBatch, "a list waits for the end of a batch")
        let (path, keyHash, pool) = (file.path, configuration.keyHash, file.pool)
        pool.writeWithoutTransaction { _ in
            pool.asyncConcurrentRead { snapshot in
                completion(
                    Result { try StoreReader(snapshot.get(), keyHash: keyHash, limits: limits).answer(to: query) }
                        .mapError { $0 is LeaseError ? $0 : StoreFile.translate($0, path: path) }
                )
            }
        }
    }
}
