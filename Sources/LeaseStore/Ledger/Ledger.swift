import GRDB
package import LeaseCore

/// The ledger: leases decided in memory and made durable by one sequential journal, and values in tables beside them.
///
///     perform, perform, issueToken, …      decided at once on the leases in memory, noted in the batch;
///                                          values are written at once, in the batch's transaction
///     commit                               the batch's rows in one transaction: the promise behind every answer
///     fold                                 now and then, the journal's effects into the tables, in slices
///
/// A batch is everything decided since the last ``commit()``. Its answers may be given out only after `commit()` has
/// returned. After ``CommitFailure/refused(_:)`` nothing of the batch has happened: the leases in memory and the token
/// sequence are as before. After ``CommitFailure/unknown(_:)`` what the disk holds is unknown, and the ledger must not
/// be used again.
///
/// The ledger assigns each row's `seq`, from max(last row, folded_through) + 1. SQLite would start at 1 again once
/// retention has emptied the history, and a replay would take a new grant for a folded one.
///
/// Not thread-safe: its owner calls it from one isolation, an event loop or an actor.
package final class Ledger {
    let file: StoreFile
    private(set) var configuration: LedgerConfiguration
    let clock: any LeaseClock

    /// The leases in force, as decided; changed by the batch.
    var leases = LiveLeases()
    /// The token sequence, as decided.
    var tokens = TokenSequence()
    /// The sequence number of the last row, durable or not.
    var lastSequence: Int64 = 0
    /// What has been decided and is not yet durable.
    var batch = Batch()
    let statements: Statements
    /// How many bytes the file can grow before its size must be checked again; zero or less if it must be now.
    var roomToGrow: Int64 = 0

    /// Whether ``takeAnnouncements()`` returns what becomes durable; while this is off, that costs nothing.
    package var isWatched = false {
        didSet {
            // The next watcher is told only of what happens from then on.
            if !isWatched { announcements = [] }
        }
    }
    /// What has become durable and has not been taken yet.
    var announcements: [Announcement] = []

    /// What is durable and the tables lack; changed by commits and by folding.
    var unfolded = Unfolded()
    /// How many leases a slice of folding may write.
    var foldPace = FoldPace()
    /// The last row that the tables include; changed by folding.
    package internal(set) var foldedThrough: Int64 = 0
    /// How many rows of history there are; changed by folding.
    var historyCount: Int64 = 0
    /// The examined rows of history from a clock that was ahead; changed by folding.
    var historyAhead = HistoryAhead()
    /// Whether the last slice left history that must be removed.
    var historyIsOver = false

    /// When the current COMMIT or fold began.
    ///
    /// The only part of a ledger that other threads may read: a watchdog uses it to tell a slow disk from a stuck
    /// engine.
    package let commitBegan: CommitClock

    /// Opens the store at `path`, creating it if it is missing.
    ///
    /// Tenures continue as the protocol says for a restart or, in another boot, for a reboot; the resulting changes are
    /// durable when this returns.
    ///
    /// - Parameter keptTies: The fences of the tied tenures whose ties have outlived the last daemon.
    /// - Throws: ``StoreError``; what the store holds is as it was.
    package init(
        path: String,
        configuration: LedgerConfiguration,
        clock: any LeaseClock,
        keptTies: Set<Token> = []
    ) throws(StoreError) {
        self.configuration = configuration
        self.clock = clock
        self.commitBegan = CommitClock()
        let file = try StoreFile(path: path, keyHash: configuration.keyHash, walFrames: configuration.walFrames)
        self.file = file
        do {
            statements = try file.pool.writeWithoutTransaction {
                try Statements(on: $0, keyHash: configuration.keyHash)
            }
            let returning = try load()
            try resume(returning, at: clock.now(), keptTies: keptTies)
        } catch {
            throw StoreFile.translate(error, path: path)
        }
    }

    /// Folds the rest, checkpoints the WAL and closes the file.
    ///
    /// - Throws: ``StoreError`` if that failed; every answered request is durable all the same.
    package func close() throws(StoreError) {
        do {
            try foldAll()
        } catch {
            abandon()
            throw StoreFile.translate(error, path: file.path)
        }
        file.pool.writeWithoutTransaction { _ in statements.finalize() }
        try file.close()
    }

    /// Closes the file as it is: the next start replays what is not folded.
    package func abandon() {
        file.pool.writeWithoutTransaction { _ in
            // Drops the current batch. If that fails, closing does it.
            try? statements.rollBackTransaction()
            statements.finalize()
        }
        try? file.close()
    }

    /// Applies limits and retention from now on; the key hash stays the one that the store was opened with.
    package func apply(_ configuration: LedgerConfiguration) {
        let keyHash = self.configuration.keyHash
        self.configuration = configuration
        self.configuration.keyHash = keyHash
        roomToGrow = 0
    }

    /// Reads from the file on the writer's connection.
    ///
    /// - Throws: ``CommitFailure/refused(_:)`` if the file cannot be read now.
    package func ping() throws(CommitFailure) {
        try file.write { _ throws(CommitFailure) in
            do {
                try statements.ping.run()
            } catch {
                throw .refused(LeaseError(.ioError, StoreFile.translate(error, path: file.path).message))
            }
        }
    }

    // MARK: - Deciding

    /// Decides a request and adds its effects to the batch.
    ///
    /// The answer may be given out once ``commit()`` has returned.
    package func perform(
        _ request: LeaseRequest,
        on name: LeaseName,
        by caller: Caller,
        now: Moment
    ) -> Result<LeaseAnswer, LeaseError> {
        if case .acquire = request { makeRoom(for: 1, by: caller, now: now) }
        var tokens = tokens
        let tenure = leases[name]
        var decision = LeaseRules.decide(request, on: name, tenure: tenure, by: caller, now: now, tokens: &tokens)
        if case .granted = decision.event,
            let refusal = refusalOfGrant(to: caller, instead: decision.ended == nil ? nil : tenure)
        {
            decision = decision.refused(refusal)
        } else {
            self.tokens = tokens
        }
        if let end = decision.ended, let tenure {
            append(.lease(name, fence: tenure.fence, .ended(end)), now)
        }
        if let event = decision.event {
            let fence = if case .granted(let granted) = event { granted.fence } else { tenure?.fence }
            if let fence {
                append(.lease(name, fence: fence, event), now)
            }
        }
        return decision.answer
    }

    /// Issues a token without a lease.
    ///
    /// - Throws: ``LeaseError/Code/ioError`` when tokens are exhausted.
    package func issueToken(now: Moment) throws(LeaseError) -> Token {
        let token = try tokens.next(wall: now.wall)
        append(.token(token), now)
        return token
    }

    /// Ends up to `limit` tenures whose time has come, or notes that they are overdue; returns whether there are more.
    package func expire(now: Moment, limit: Int) -> Bool {
        for _ in 0..<limit {
            guard let first = leases.earliestDue(), first.instant <= now.boot, let tenure = leases[first.name] else {
                return false
            }
            let event = tenure.ending(at: now.boot).map { TenureEvent.ended($0) } ?? .overdue
            append(.lease(first.name, fence: tenure.fence, event), now)
        }
        return leases.earliestDue().map { $0.instant <= now.boot } ?? false
    }

    /// When time next affects a tenure, or `nil` if it never does.
    package func earliestDue() -> BootInstant? {
        leases.earliestDue()?.instant
    }

    /// The tenure of a lease as decided, or `nil` if it is free; it may be past its end and not yet ended.
    package func tenure(of name: LeaseName) -> Tenure? {
        leases[name]
    }

    /// The leases whose tenures are tied, by their fences.
    package var tiedLeases: [Token: LeaseName] {
        var tied: [Token: LeaseName] = [:]
        for (name, tenure) in leases.all where tenure.attachment == .tied {
            tied[tenure.fence] = name
        }
        return tied
    }

    /// The leases whose tenures have ended since the last call or commit, in order; some may be held again.
    package func takeFreed() -> [FreedLease] {
        defer { batch.freed.removeAll() }
        return batch.freed
    }

    /// The last token that was issued or imported, if any; it may not be durable yet.
    package var lastToken: Token? { tokens.last }

    /// Whether the store's file was missing and has been created.
    package var isNew: Bool { file.isNew }

    /// How many leases are in force; some may be past their end and not yet ended.
    package var leaseCount: Int { leases.count }

    /// Ends some expired tenures if there is no room for `count` new leases.
    func makeRoom(for count: Int, by caller: Caller, now: Moment) {
        guard count > 0, configuration.leaseQuota.overrun(by: count, of: caller, leases.counts) != nil else { return }
        _ = expire(now: now, limit: Self.sweep)
    }

    /// The most tenures that are ended along with another request.
    static let sweep = 4096

    private func refusalOfGrant(to caller: Caller, instead replaced: Tenure?) -> LeaseError? {
        var counts = leases.counts
        // A tenure that has just ended makes room for its successor.
        if let replaced { counts.remove(replaced.holder.uid) }
        let account: String
        switch configuration.leaseQuota.overrun(of: caller, counts) {
        case .total: account = "\(counts.total) leases are in force, the most this store holds"
        case .user: account = "uid \(caller.uid) holds \(counts[caller.uid]) leases, the most for one user"
        case nil: return nil
        }
        return LeaseError(.busy, "\(account); release some, or raise the limit")
    }

    // MARK: - Opening

    /// Reads the tables and the unfolded rows, and returns the leases that a restart may change.
    private func load() throws -> ReturningLeases {
        var returning = ReturningLeases(from: clock.now().boot)
        try file.pool.writeWithoutTransaction { database in
            foldedThrough = try Self.integer(Meta.foldedThrough, in: database) ?? 0
            guard (0..<Int64.max).contains(foldedThrough) else { throw MalformedRow(table: "meta") }
            if let last = try Self.integer(Meta.lastToken, in: database) {
                guard let token = Token(rawValue: last) else { throw MalformedRow(table: "meta") }
                tokens.raise(to: token)
            }
            leases = try LeaseTable.readAll(in: database) { name, tenure in
                tokens.raise(to: tenure.token)
                returning.note(name, tenure)
            }
            historyCount =
                try Int64.fetchOne(
                    database,
                    sql: "SELECT count(*) FROM lease_journal WHERE seq <= ?",
                    arguments: [foldedThrough]
                ) ?? 0
            lastSequence = try max(
                foldedThrough,
                Int64.fetchOne(database, sql: "SELECT max(seq) FROM lease_journal") ?? 0
            )
            var sequence = foldedThrough
            var past = PastTenures()
            unfolded.begin(behind: foldedThrough)
            try statements.selectEntries.forEach(.integer(foldedThrough), .integer(Int64.max)) { row in
                // Unfolded rows have no gap: a missing one was removed.
                guard let entry = JournalEntry(row), entry.sequence == sequence + 1 else {
                    throw MalformedRow(table: "lease_journal")
                }
                sequence = entry.sequence
                if let token = entry.issuedToken {
                    tokens.raise(to: token)
                }
                var change: LeaseChange?
                if case .lease(let name, _, _) = entry.content {
                    change = try leases.change(name, by: entry.sequence) { tenure in
                        guard past.take(entry, on: tenure) || entry.apply(to: &tenure) else {
                            throw MalformedRow(table: "lease_journal")
                        }
                    }
                }
                if let change, let after = change.after {
                    returning.note(change.name, after.tenure)
                }
                unfolded.append(Unfolded.Row(entry, change))
            }
            guard past.haveEnded else { throw MalformedRow(table: "lease_journal") }
        }
        beginBatch()
        return returning
    }

    /// Resumes every tenure after a restart or a reboot, and makes that durable.
    private func resume(_ returning: ReturningLeases, at now: Moment, keptTies: Set<Token>) throws {
        let identity = try file.pool.read { database in
            try String.fetchOne(database, sql: "SELECT value FROM meta WHERE name = ?", arguments: [Meta.bootIdentity])
        }
        let isSameBoot = identity == clock.bootIdentity
        let noted = isSameBoot ? returning.names(at: now.boot) : nil
        let names = noted ?? leases.all.map(\.name)
        let keptTies = keptTies.isEmpty ? [] : keptTies.subtracting(sharedFences(among: names))
        for name in names {
            guard let tenure = leases[name] else { continue }
            guard isSameBoot || tenure.attachment == .nothing else {
                // No process outlives its machine.
                append(.lease(name, fence: tenure.fence, .ended(TenureEnd(.lost))), now)
                continue
            }
            let resumption =
                isSameBoot
                ? tenure.resumptionAfterRestart(at: now, isTieKept: keptTies.contains(tenure.fence))
                : tenure.resumptionAfterReboot(at: now)
            if let resumption {
                append(.lease(name, fence: tenure.fence, .resumed(resumption)), now)
            }
        }
        guard !isSameBoot || hasBatch else { return }
        try file.pool.writeWithoutTransaction { database in
            try statements.transaction {
                try insertEntries()
                try Self.set(Meta.bootIdentity, clock.bootIdentity, in: database)
                try Self.set(Meta.keyHash, configuration.keyHash.name, in: database)
            }
        }
        noteDurable()
        beginBatch()
    }

    /// The fences that several tied tenures share, so that a tie cannot be matched to one of them.
    ///
    /// Only an import can lead to that.
    private func sharedFences(among names: [LeaseName]) -> Set<Token> {
        var (fences, shared): (Set<Token>, Set<Token>) = ([], [])
        for tenure in names.lazy.compactMap({ self.leases[$0] })
        where tenure.attachment == .tied && !fences.insert(tenure.fence).inserted {
            shared.insert(tenure.fence)
        }
        return shared
    }

    private static func integer(_ name: String, in database: Database) throws -> Int64? {
        try Int64.fetchOne(database, sql: "SELECT value FROM meta WHERE name = ?", arguments: [name])
    }

    static func set(_ name: String, _ value: some DatabaseValueConvertible, in database: Database) throws {
        try database.execute(
            sql: "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            arguments: [name, value]
        )
    }
}
