import DequeModule
import GRDB
import LeaseCore

/// The batch: what has been decided since the last commit, and how to undo it.
///
/// Effects on leases are in memory and in `entries`. Effects on values are in the batch's transaction, which the first
/// write of a value begins and ``Ledger/commit()`` ends. If a write fails, that transaction is rolled back, and the
/// whole batch is refused: `failure` holds the reason until `commit()` is called.
struct Batch {
    var entries: [JournalEntry] = []
    /// The same entries as rows to fold, with what each did to its lease.
    var rows: Deque<Unfolded.Row> = []
    /// The leases that have become free, so that waiters can be granted them.
    var freed: [FreedLease] = []
    var tokens = TokenSequence()
    var lastSequence: Int64 = 0
    var isInTransaction = false
    var failure: CommitFailure?
}

extension Ledger {
    /// Whether something has been decided that is not yet durable.
    package var hasBatch: Bool { !batch.entries.isEmpty || batch.isInTransaction || batch.failure != nil }

    /// The sequence number of the last row on disk.
    package var lastDurableSequence: Int64 { batch.lastSequence }

    /// Adds what has happened to the batch, and applies it to the leases in memory.
    func append(_ content: JournalEntry.Content, _ now: Moment) {
        lastSequence += 1
        takeRoom()
        let entry = JournalEntry(sequence: lastSequence, at: now.wall, content: content)
        var change: LeaseChange?
        if case .lease(let name, _, let event) = content {
            change = leases.change(name, by: lastSequence) { tenure in
                let isSound = event.apply(to: &tenure)
                precondition(isSound, "a decision on lease '\(name)' does not follow from its state")
            }
            if case .ended = event {
                let end = change?.before?.tenure.end ?? now.boot
                batch.freed.append(FreedLease(name: name, instant: min(end, now.boot)))
            }
        }
        let row = Unfolded.Row(entry, change)
        if let token = row.token {
            tokens.raise(to: token)
        }
        batch.rows.append(row)
        batch.entries.append(entry)
    }

    /// Ends the lease's tenure if its time has come; afterwards the lease is in force or free.
    func endIfOver(_ name: LeaseName, now: Moment) {
        guard let tenure = leases[name], let end = tenure.ending(at: now.boot) else { return }
        append(.lease(name, fence: tenure.fence, .ended(end)), now)
    }

    /// Makes the batch durable: its rows are on disk when this returns.
    ///
    /// Costs nothing if nothing was decided.
    package func commit() throws(CommitFailure) {
        guard hasBatch else {
            // A token issued for a refused request has not been given out.
            tokens = batch.tokens
            return
        }
        commitBegan.start(at: clock.now().boot)
        defer { commitBegan.stop() }
        do throws(CommitFailure) {
            if let failure = batch.failure { throw failure }
            try requireTransaction()
            try file.write { _ throws(CommitFailure) in
                if !batch.isInTransaction {
                    try statements.beginTransaction()
                }
                try statements.step { try insertEntries() }
                try statements.commitTransaction()
            }
        } catch {
            putBack()
            throw error
        }
        announceBatch()
        noteDurable()
        beginBatch()
        try file.tendWAL()
    }

    /// Requires that the batch's transaction, if it has one, still exists.
    ///
    /// SQLite rolls it back by itself when it cannot read or has no memory, even in an unrelated statement
    /// (sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction").
    private func requireTransaction() throws(CommitFailure) {
        guard batch.isInTransaction, !statements.isInTransaction else { return }
        throw .refused(LeaseError(.ioError, "the store \(file.path) could not be read; nothing was done, try again"))
    }

    /// Moves the batch's rows, which are now on disk, to the rows to fold.
    func noteDurable() {
        // Popped one by one, so that none is copied.
        while let row = batch.rows.popFirst() {
            unfolded.append(row)
        }
    }

    func insertEntries() throws {
        let insertion = statements.insertEntry
        // By index: an iterator would copy the entries.
        try batch.entries.withUnsafeBufferPointer { entries in
            for index in entries.indices {
                try entries[index].insert(with: insertion)
            }
        }
    }

    /// Begins a batch on top of what is durable.
    func beginBatch() {
        let isShort = batch.entries.count < 4096
        batch.entries.removeAll(keepingCapacity: isShort)
        batch.rows.removeAll(keepingCapacity: isShort)
        batch.freed.removeAll(keepingCapacity: isShort)
        batch.tokens = tokens
        batch.lastSequence = lastSequence
        batch.isInTransaction = false
        batch.failure = nil
    }

    /// Restores the leases in memory to what they were before these rows.
    func putBack(_ rows: Slice<Deque<Unfolded.Row>>) {
        for change in rows.reversed().compactMap(\.change) {
            leases.set(change.before, for: change.name)
        }
    }

    private func putBack() {
        putBack(batch.rows[...])
        tokens = batch.tokens
        lastSequence = batch.lastSequence
        beginBatch()
    }

    // MARK: - Values

    /// Runs `body` in the batch's transaction, which the first such call begins.
    ///
    /// - Throws: ``LeaseCore/LeaseError/Code/ioError`` if the file refuses; the commit then refuses the whole batch.
    func write(_ body: () throws -> Void) throws(LeaseError) {
        try onWriter { _ throws(CommitFailure) in
            try requireTransaction()
            if !batch.isInTransaction {
                try statements.beginTransaction()
                batch.isInTransaction = true
            }
            try statements.step(body)
        }
    }

    /// Reads the tables as the batch has left them so far.
    ///
    /// - Throws: ``LeaseCore/LeaseError/Code/ioError`` if the file cannot be read. A malformed row fails only the
    ///   request that read it.
    func look<Value>(_ body: () throws -> Value) throws(LeaseError) -> Value {
        try onWriter { _ throws(CommitFailure) in try statements.look(body) }
    }

    /// Rolls back everything that the batch's transaction has written; the next write begins a new one.
    func dropTransaction() {
        do throws(CommitFailure) {
            try file.write { _ throws(CommitFailure) in try statements.rollBackTransaction() }
        } catch {
            batch.failure = error
        }
        batch.isInTransaction = false
    }

    /// Lists children as the batch has left them so far.
    func children(of key: Key, after: Key?, count: Int) throws(LeaseError) -> [Key] {
        try onWriter { database throws(CommitFailure) in
            try statements.look {
                try StoreReader(database, keyHash: configuration.keyHash, limits: .none)
                    .children(of: key, after: after, count: count)
            }
        }
    }

    private func onWriter<Value>(_ body: (Database) throws(CommitFailure) -> Value) throws(LeaseError) -> Value {
        if let failure = batch.failure { throw failure.refusal }
        do throws(CommitFailure) {
            return try file.write(body)
        } catch {
            // The rollback took what the batch had written before.
            if batch.isInTransaction && !statements.isInTransaction || error.isUnknown {
                batch.isInTransaction = false
                batch.failure = error
            }
            throw error.refusal
        }
    }
}

extension CommitFailure {
    fileprivate var isUnknown: Bool {
        if case .unknown = self { true } else { false }
    }

    /// The answer to a request that met the failure.
    fileprivate var refusal: LeaseError {
        switch self {
        case .refused(let refusal): refusal
        case .unknown(let failure): LeaseError(.ioError, failure.message)
        }
    }
}
