public import LeaseCore

extension LeaseStore {
    /// Reads, decides and writes as one: nothing comes in between, and all of it takes effect or none.
    ///
    ///     let number = try await store.update { transaction in
    ///         let last = try transaction.get(counter).flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
    ///         try transaction.put(Array("\(last + 1)".utf8), for: counter)
    ///         return last + 1
    ///     }
    ///
    /// - Parameter body: Runs on the store's own queue, so it must be quick and must not wait. It sees its own writes.
    ///   If it throws, everything that it wrote is undone.
    /// - Returns: What `body` returned, once it is on disk.
    /// - Throws: What `body` throws, or what any call may.
    public func update<Value: Sendable>(
        _ body: @escaping @Sendable (inout StoreTransaction) throws -> Value
    ) async throws -> Value {
        let caller = caller
        return try await inTurn { ledger, now in
            try ledger.atomically(now: now) {
                var transaction = StoreTransaction(ledger: ledger, caller: caller, now: now)
                return try body(&transaction)
            }
        }
    }
}

/// What the body of ``LeaseStore/update(_:)`` reads and writes; it cannot outlive the body.
///
/// Each call is decided at the same instant, ``now``, and sees the effects of those before it. A refused call throws a
/// `LeaseError` and has changed nothing; a body that catches it continues with what it has done so far. Any call may
/// throw `LeaseError.Code.ioError` if the file cannot be read or written. If that undoes what was written in the same
/// commit, everything in that commit is refused, whatever the body does then, other callers' requests included.
public struct StoreTransaction: ~Copyable {
    private let ledger: Ledger
    private let caller: Caller

    /// The instant of the update.
    public let now: Moment

    init(ledger: Ledger, caller: Caller, now: Moment) {
        self.ledger = ledger
        self.caller = caller
        self.now = now
    }

    // MARK: - Values

    /// Inserts or overwrites the simple value of a key.
    ///
    /// - Throws: `LeaseError.Code.tooBig` for a value over 512 MiB, `LeaseError.Code.busy` if the file has its full
    ///   size.
    public mutating func put(_ value: [UInt8], for key: Key) throws(LeaseError) {
        _ = try perform(.put(key, value))
    }

    /// The simple value of a key, or `nil` if it has none.
    ///
    /// An empty value is a value.
    public func get(_ key: Key) throws(LeaseError) -> [UInt8]? {
        guard case .value(let value) = try perform(.get(key)) else {
            preconditionFailure("a read is answered with the value")
        }
        return value
    }

    /// Removes the simple value of a key, and tells whether it was there.
    @discardableResult
    public mutating func delete(_ key: Key) throws(LeaseError) -> Bool {
        try perform(.delete(key)) == .flag(true)
    }

    // MARK: - Prefixes

    /// Puts a child under a key.
    ///
    /// - Throws: `LeaseError.Code.exists` if the key has it already, `LeaseError.Code.busy` if the file has its full
    ///   size.
    public mutating func append(_ child: Key, to key: Key) throws(LeaseError) {
        _ = try perform(.append(key, child: child))
    }

    /// The children of a key, in byte order; empty if it has none.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - after: Only children after this one, which need not exist.
    ///   - count: At most this many.
    public func children(of key: Key, after: Key? = nil, count: Int = .max) throws(LeaseError) -> [Key] {
        try ledger.children(of: key, after: after, count: count)
    }

    /// Whether a key has the child.
    public func contains(_ child: Key, under key: Key) throws(LeaseError) -> Bool {
        try perform(.contains(key, child: child)) == .flag(true)
    }

    /// Removes a child of a key, and tells whether it was there.
    @discardableResult
    public mutating func removeChild(_ child: Key, from key: Key) throws(LeaseError) -> Bool {
        try perform(.removeChild(key, child: child)) == .flag(true)
    }

    /// Removes keys with everything they have, and tells how many had anything; a lease in force is revoked at once.
    @discardableResult
    public mutating func removeKeys(_ keys: [Key]) throws(LeaseError) -> Int {
        guard case .removed(let count, _) = try perform(.removeKeys(keys)) else {
            preconditionFailure("a removal is answered with its count")
        }
        return count
    }

    // MARK: - Leases

    /// Grants the lease to this process if it is free; the token is valid once the update has returned.
    ///
    /// - Throws: `LeaseError.Code.conflict` if it is held, even by this process; `LeaseError.Code.busy` if the store's
    ///   limit of leases in force is reached.
    public mutating func acquire(_ name: LeaseName, ttl: TTL, owner: Label = .empty) throws(LeaseError) -> Token {
        try token(.acquire(ttl: ttl, owner: owner, request: nil), on: name)
    }

    /// Renews the tenure whose newest token this is, and returns its new token.
    ///
    /// - Throws: `LeaseError.Code.expired` if the token is not, or no longer, the newest of a tenure in force;
    ///   `LeaseError.Code.revoked` if the tenure is being ended by force.
    public mutating func renew(_ name: LeaseName, token: Token, ttl: TTL) throws(LeaseError) -> Token {
        try self.token(.renew(token: token, ttl: ttl, request: nil), on: name)
    }

    /// Ends the tenure whose newest token this is.
    ///
    /// - Throws: `LeaseError.Code.expired` if the token is not, or no longer, the newest of a tenure in force.
    public mutating func release(_ name: LeaseName, token: Token) throws(LeaseError) {
        _ = try perform(.release(token: token), on: name)
    }

    /// The time left of the tenure whose fence or newest token this is.
    ///
    /// - Throws: `LeaseError.Code.expired` if no such tenure is in force.
    public func check(_ name: LeaseName, token: Token) throws(LeaseError) -> Duration {
        guard case .remaining(let left) = try perform(.check(token: token), on: name) else {
            preconditionFailure("a check is answered with what is left")
        }
        return left
    }

    /// The tenure in force, or `nil` if nobody holds the lease.
    public func tenure(of name: LeaseName) throws(LeaseError) -> Tenure? {
        guard case .tenure(let tenure) = try perform(.holder, on: name) else {
            preconditionFailure("the question for the holder is answered with the tenure")
        }
        return tenure
    }

    // MARK: -

    private func perform(_ request: StoreRequest) throws(LeaseError) -> StoreAnswer {
        try ledger.perform(request, if: nil, by: caller, now: now).get()
    }

    private func token(_ request: LeaseRequest, on name: LeaseName) throws(LeaseError) -> Token {
        guard case .token(let token) = try perform(request, on: name) else {
            preconditionFailure("a grant and a renewal are answered with their token")
        }
        return token
    }

    private func perform(_ request: LeaseRequest, on name: LeaseName) throws(LeaseError) -> LeaseAnswer {
        try ledger.perform(request, on: name, by: caller, now: now).get()
    }
}
