package import LeaseCore

/// Values, prefixes and keys beside the leases.
extension Ledger {
    /// Decides a request and writes what it does within the batch's transaction.
    ///
    /// The answer may be given out once ``commit()`` has returned. What is refused has changed nothing.
    ///
    /// - Parameter guard: A lease that must be held for the request to be done, else it is `EXPIRED`.
    package func perform(
        _ request: StoreRequest,
        if guard: LeaseGuard?,
        by caller: Caller,
        now: Moment
    ) -> Result<StoreAnswer, LeaseError> {
        .failure(LeaseError(.ioError, "not yet"))
    }
}
