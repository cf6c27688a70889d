public import LeaseCore

/// Simple values: one per key, of 0 bytes to 512 MiB.
///
/// A write with `if:` takes effect only while the lease that it names is held under that token; otherwise it throws
/// `LeaseError.Code.expired` and has changed nothing. The check and the write are one transaction.
extension LeaseStore {
    /// Inserts or overwrites the simple value of a key.
    ///
    /// - Throws: `LeaseError.Code.busy` if the file has its full size, `LeaseError.Code.tooBig` if the value is too
    ///   long.
    public func put(_ value: [UInt8], for key: Key, if guard: LeaseGuard? = nil) async throws {
        _ = try await perform(.put(key, value), if: `guard`)
    }

    /// The simple value of a key.
    ///
    /// Returns `nil` if it has none; an empty value is a value. Read beside the writer, and never older than what a
    /// call has answered.
    public func get(_ key: Key) async throws -> [UInt8]? {
        guard case .value(let value) = try await read(.value(key)) else { throw unexpectedAnswer }
        return value
    }

    /// Removes the simple value of a key; its children and its lease stay.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    public func delete(_ key: Key, if guard: LeaseGuard? = nil) async throws -> Bool {
        try await perform(.delete(key), if: `guard`) == .flag(true)
    }

    func perform(_ request: StoreRequest, if guard: LeaseGuard?) async throws -> StoreAnswer {
        let caller = caller
        return try await inTurn { ledger, now in
            try ledger.perform(request, if: `guard`, by: caller, now: now).get()
        }
    }
}
