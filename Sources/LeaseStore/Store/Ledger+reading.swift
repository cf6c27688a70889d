import LeaseCore

extension Ledger {
    /// Answers a query from the tables, on a snapshot beside the writer.
    ///
    /// The snapshot is that of the last commit. Values and prefixes are in it at once; leases, and the kinds that depend
    /// on them, as far as the journal is folded: whoever wants those of this instant has ended the leases whose time has
    /// come, committed and folded before.
    ///
    /// Must not be called with a batch under way.
    ///
    /// - Parameter completion: Called on a thread of the reader's, with ``LeaseCore/LeaseError`` of the code `tooBig` if
    ///   the list is over its limits, and with ``StoreError`` if the file cannot be read.
    package func read(
        _ query: StoreQuery,
        limits: ListLimits,
        completion: @escaping @Sendable (Result<StoreListing, any Error>) -> Void
    ) {
        completion(.failure(LeaseError(.ioError, "not yet")))
    }
}
