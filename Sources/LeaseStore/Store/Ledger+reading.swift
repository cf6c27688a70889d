import GRDB
import LeaseCore

extension Ledger {
    /// How many queries can be under way at once.
    package static let readers = StoreFile.readers

    /// Whether the WAL is so long that no read may begin while another one runs: with a reader always there it would
    /// grow forever.
    package var isWALOverlong: Bool { file.isWALOverlong }

    /// Checkpoints all of the WAL that no running read holds back; called before a read if ``isWALOverlong``.
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
    /// however far the journal is folded. To exclude expired leases, expire and commit first. Unfolded rows are read on
    /// every call, so fold first if latency matters.
    ///
    /// Must not be called during a batch. Returns once the snapshot is taken: at once, or, if ``readers`` queries are
    /// running, when one of them has ended.
    ///
    /// - Parameter completion: Called on a reader's thread, with ``LeaseCore/LeaseError`` of the code `tooBig` if the
    ///   list is over its limits, and with ``StoreError`` if the file cannot be read.
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
