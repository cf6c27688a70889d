import Glibc
public import LeaseCore

/// A store of leases in one SQLite file, for use inside a program, without a daemon.
///
///     let store = try await LeaseStore.open(path: "jobs.db")
///     let grant = try await store.acquire(LeaseName("backup"), ttl: TTL(.seconds(30)), owner: Label("nightly"))
///     …                                                   // hand grant to whatever the job writes to, as its fence
///     try await store.release(LeaseName("backup"), token: grant)
///     try await store.close()
///
/// One process at a time has a file open; a second one is refused. Within the process any number of tasks may call: what
/// is asked at the same time is decided in order and made durable together, by one sync of the disk. **When a call
/// returns, what it says is on disk**, and holds over a crash of the process or a power loss at any instant.
///
/// Every call throws ``LeaseCore/LeaseError`` when it is refused, and has then changed nothing, and ``StoreError`` when
/// the file can no longer be used: after ``StoreError/Code/syncFailed`` nobody can say whether the call took effect until
/// the file is opened again.
///
/// A call that has begun is not taken back by cancelling its task: it answers what became of it.
public actor LeaseStore {
    /// How a store is opened.
    public struct Configuration: Sendable {
        /// The function that hashes keys; a file made with another one is refused.
        public var keyHash = KeyHash.xxh64
        /// The most leases in force.
        ///
        /// They are held in memory, at a few hundred bytes each.
        public var maximumLeases = 1_000_000
        /// How long the history of ended tenures is kept.
        public var historyAge: Duration = .seconds(30 * 86_400)
        /// How many rows of history are kept.
        public var historyRows: Int64 = 100_000
        /// Where the time is read, or `nil` for the machine's clocks.
        public var clock: (any LeaseClock)?

        /// Creates the default configuration.
        public init() {}
    }

    private let executor: SerialQueueExecutor
    private let clock: any LeaseClock
    private let caller: Caller
    private var ledger: Ledger?
    private var failure: StoreError?
    private var turn: [Pending] = []

    /// The queue that the store's calls run on.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens the store at `path`, making the file, with mode 0600, if it is missing.
    ///
    /// Tenures go on where they were: over a restart in the same boot each has at least min(TTL, 10 s) left, once for
    /// each grant or renewal; over a reboot what is left is taken from the wall clock.
    ///
    /// - Throws: ``StoreError``; the file is as it was.
    public static func open(path: String, configuration: Configuration = Configuration()) async throws(StoreError)
        -> LeaseStore
    {
        let clock: any LeaseClock = if let clock = configuration.clock { clock } else { try SystemLeaseClock() }
        let store = LeaseStore(clock: clock)
        try await store.open(path: path, configuration)
        return store
    }

    private init(clock: any LeaseClock) {
        self.clock = clock
        executor = SerialQueueExecutor(label: "leased.library")
        // Whoever has the file open can do what they like with it; there is nobody to deny.
        caller = Caller(uid: geteuid(), gid: getegid(), pid: getpid(), isAdministrator: true)
    }

    private func open(path: String, _ configuration: Configuration) throws(StoreError) {
        var options = LedgerConfiguration()
        options.keyHash = configuration.keyHash
        options.maximumLeases = configuration.maximumLeases
        options.maximumLeasesPerUser = configuration.maximumLeases
        options.historyAge = configuration.historyAge
        options.historyRows = configuration.historyRows
        ledger = try Ledger(path: path, configuration: options, clock: clock)
    }

    /// Carries what is left into the file and closes it; every later call throws ``StoreError/Code/closed``.
    ///
    /// - Throws: ``StoreError`` if that failed; what was answered is durable all the same.
    public func close() async throws(StoreError) {
        endTurn()
        // The turn may have ended the ledger.
        guard let ledger else { return }
        self.ledger = nil
        try ledger.close()
    }

    // MARK: - Leases

    /// Grants the lease to this process if it is free.
    ///
    /// - Parameters:
    ///   - name: The lease.
    ///   - ttl: How long the grant lasts unless it is renewed.
    ///   - owner: What the holder calls itself.
    ///   - request: An id that makes it safe to ask again: the same id is answered the same token.
    /// - Returns: The grant's token: the fence to hand to a resource, and the token to renew and release with.
    /// - Throws: ``LeaseCore/LeaseError/Code/conflict`` if it is held, also by this process.
    public func acquire(
        _ name: LeaseName,
        ttl: TTL,
        owner: Label = .empty,
        request: RequestID? = nil
    ) async throws -> Token {
        try await token(.acquire(ttl: ttl, owner: owner, request: request), on: name)
    }

    /// Moves the deadline to `ttl` from now and issues a new token, which replaces `token`.
    ///
    /// - Returns: The new token; the fence stays what it was.
    /// - Throws: ``LeaseCore/LeaseError/Code/expired`` if `token` is not the newest one,
    ///   ``LeaseCore/LeaseError/Code/revoked`` if the tenure is being ended by force.
    public func renew(_ name: LeaseName, token: Token, ttl: TTL, request: RequestID? = nil) async throws -> Token {
        try await self.token(.renew(token: token, ttl: ttl, request: request), on: name)
    }

    /// Ends the tenure.
    ///
    /// - Throws: ``LeaseCore/LeaseError/Code/expired`` if `token` is not the newest one, also when it has released already.
    public func release(_ name: LeaseName, token: Token) async throws {
        _ = try await answer(to: .release(token: token), on: name)
    }

    /// What is left of the tenure that `token` belongs to, as its fence or its newest token.
    ///
    /// - Throws: ``LeaseCore/LeaseError/Code/expired`` if it belongs to none in force.
    public func check(_ name: LeaseName, token: Token) async throws -> Duration {
        guard case .remaining(let left) = try await answer(to: .check(token: token), on: name) else { return .zero }
        return left
    }

    /// The tenure in force.
    ///
    /// Returns `nil` if nobody holds the lease.
    public func tenure(of name: LeaseName) async throws -> Tenure? {
        guard case .tenure(let tenure) = try await answer(to: .holder, on: name) else { return nil }
        return tenure
    }

    /// Ends a tenure by force: at once, or after a time in which it cannot be renewed.
    ///
    /// - Returns: Whether there was a tenure.
    public func revoke(_ name: LeaseName, after: Duration? = nil, reason: Label = .empty) async throws -> Bool {
        try await answer(to: .revoke(after: after, reason: reason), on: name) == .revoked(true)
    }

    /// Issues a fencing token without a lease: greater than every token issued before it.
    public func issueToken() async throws -> Token {
        guard case .token(let token) = try await inTurn(.token) else { throw unexpectedAnswer }
        return token
    }

    /// The leases in force, by name.
    ///
    /// - Parameters:
    ///   - prefix: Only names that begin with these bytes.
    ///   - after: Only names after this one, which need not be there.
    ///   - count: At most so many.
    public func leases(
        prefix: [UInt8] = [],
        after: LeaseName? = nil,
        count: Int = .max
    ) async throws -> [(name: LeaseName, tenure: Tenure)] {
        try await inTurn(.sweep)
        guard let ledger else { throw closed }
        let page = LeasePage(prefix: prefix, after: after, count: count)
        return try await withCheckedThrowingContinuation { continuation in
            ledger.read(page) { continuation.resume(with: $0) }
        }
    }

    private func token(_ request: LeaseRequest, on name: LeaseName) async throws -> Token {
        guard case .token(let token) = try await answer(to: request, on: name) else { throw unexpectedAnswer }
        return token
    }

    private func answer(to request: LeaseRequest, on name: LeaseName) async throws -> LeaseAnswer {
        try await inTurn(.lease(request, name))
    }

    // MARK: - Turns

    /// One call's part of a turn.
    private struct Pending {
        let work: Work
        let continuation: CheckedContinuation<LeaseAnswer, any Error>
    }

    private enum Work {
        case lease(LeaseRequest, LeaseName)
        case token
        /// Ends all whose time has come, and folds, so that the tables show what is in force.
        case sweep

        var isSweep: Bool {
            if case .sweep = self { true } else { false }
        }
    }

    /// Joins the turn that is gathering; the first call to join has it ended after whatever is queued behind it.
    @discardableResult
    private func inTurn(_ work: Work) async throws -> LeaseAnswer {
        guard ledger != nil else { throw closed }
        return try await withCheckedThrowingContinuation { continuation in
            turn.append(Pending(work: work, continuation: continuation))
            guard turn.count == 1 else { return }
            executor.execute { [self] in
                assumeIsolated { $0.endTurn() }
            }
        }
    }

    private func endTurn() {
        let turn = turn
        self.turn = []
        guard !turn.isEmpty else { return }
        guard let ledger else { return turn.forEach { $0.continuation.resume(throwing: closed) } }
        let now = clock.now()
        let answers = turn.map { pending in perform(pending.work, now: now, ledger) }
        let refusalOfSweeps: LeaseError?
        do {
            try ledger.commit()
            refusalOfSweeps = try tidy(ledger, isFoldedWhole: turn.contains { $0.work.isSweep })
        } catch {
            switch error {
            case .refused(let refusal):
                turn.forEach { $0.continuation.resume(throwing: refusal) }
            case .unknown(let failure):
                self.failure = failure
                self.ledger = nil
                ledger.abandon()
                turn.forEach { $0.continuation.resume(throwing: failure) }
            }
            return
        }
        for (pending, answer) in zip(turn, answers) {
            if let refusalOfSweeps, pending.work.isSweep {
                pending.continuation.resume(throwing: refusalOfSweeps)
            } else {
                pending.continuation.resume(with: answer.mapError { $0 })
            }
        }
    }

    private func perform(_ work: Work, now: Moment, _ ledger: Ledger) -> Result<LeaseAnswer, LeaseError> {
        switch work {
        case .lease(let request, let name):
            return ledger.perform(request, on: name, by: caller, now: now)
        case .token:
            return Result { () throws(LeaseError) in .token(try ledger.issueToken(now: now)) }
        case .sweep:
            _ = ledger.expire(now: now, limit: .max)
            return .success(.released)
        }
    }

    /// Folds when the journal has grown, and whole when the tables are about to be read.
    ///
    /// Returns why the tables could not follow, or `nil`: the turn's commit is durable all the same, and only who reads
    /// the tables has to know.
    private func tidy(_ ledger: Ledger, isFoldedWhole: Bool) throws(CommitFailure) -> LeaseError? {
        do throws(CommitFailure) {
            if isFoldedWhole {
                while ledger.foldBacklog > 0 { _ = try ledger.fold(limit: 4096) }
            } else if ledger.foldBacklog > 8192 {
                _ = try ledger.fold(limit: 4096)
            }
            return nil
        } catch {
            guard case .refused(let refusal) = error else { throw error }
            return refusal
        }
    }

    private var closed: StoreError {
        failure ?? StoreError(.closed, "the store has been closed; open it again")
    }

    private var unexpectedAnswer: StoreError {
        StoreError(.ioError, "the ledger answered something else than it was asked")
    }
}
