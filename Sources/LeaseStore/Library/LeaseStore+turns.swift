import LeaseCore

/// Turns: calls made at the same time are decided in order, committed once, and answered.
extension LeaseStore {
    /// One call's part of a turn.
    struct Pending {
        /// Whether the tables must show everything in force before the call is answered.
        let needsTables: Bool
        /// Decides on the ledger; the closure it returns answers the call, once the turn is durable.
        let decide: (Ledger, Moment) -> () -> Void
        let fail: (any Error) -> Void
    }

    /// Joins the current turn, and returns the result of `work` once it is durable.
    func inTurn<Answer: Sendable>(
        _ work: @escaping @Sendable (Ledger, Moment) throws -> Answer
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            join(
                Pending(
                    needsTables: false,
                    decide: { ledger, now in
                        let answer = Result { try work(ledger, now) }
                        return { continuation.resume(with: answer) }
                    },
                    fail: { continuation.resume(throwing: $0) }
                )
            )
        }
    }

    /// Reads the tables at the end of a turn, once everything expired is ended and everything is folded.
    ///
    /// The snapshot is taken before the next turn, so it shows exactly what has been answered so far. If the read is
    /// held back, the snapshot is later, and shows what has been answered by then.
    func list(_ query: @escaping @Sendable (Moment) -> StoreQuery) async throws -> StoreListing {
        try await withCheckedThrowingContinuation { continuation in
            join(
                Pending(
                    needsTables: true,
                    decide: { ledger, now in
                        _ = ledger.expire(now: now, limit: .max)
                        return { self.begin(Read(query: query(now)) { continuation.resume(with: $0) }) }
                    },
                    fail: { continuation.resume(throwing: $0) }
                )
            )
        }
    }

    /// Answers a query that no lease is part of, as the last turn left the store.
    func read(_ query: StoreQuery) async throws -> StoreListing {
        try await withCheckedThrowingContinuation { continuation in
            begin(Read(query: query) { continuation.resume(with: $0) })
        }
    }

    /// A query that is answered beside the turns.
    struct Read {
        let query: StoreQuery
        let answer: @Sendable (Result<StoreListing, any Error>) -> Void
    }

    /// Begins a read, or, while the WAL is overlong, holds it back until none is running: overlapping reads would let
    /// the WAL grow forever.
    func begin(_ read: Read) {
        guard let ledger else { return read.answer(.failure(closed)) }
        if ledger.isWALOverlong {
            guard readsUnderWay == 0 else { return heldReads.append(read) }
            do throws(CommitFailure) {
                try ledger.checkpointWAL()
            } catch {
                // A checkpoint that the disk refuses is tried again before the next read.
                if case .unknown(let failure) = error {
                    end(ledger, failure)
                    return read.answer(.failure(failure))
                }
            }
        }
        readsUnderWay += 1
        ledger.read(read.query, limits: .none) { [self] result in
            read.answer(result)
            executor.execute { [self] in
                assumeIsolated { $0.readEnded() }
            }
        }
    }

    private func readEnded() {
        readsUnderWay -= 1
        guard readsUnderWay == 0 else { return }
        let reads = heldReads
        heldReads = []
        reads.forEach { begin($0) }
    }

    /// Abandons the ledger, since what the file holds is unknown.
    private func end(_ ledger: Ledger, _ failure: StoreError) {
        self.failure = failure
        self.ledger = nil
        ledger.abandon()
    }

    /// Adds a call to the turn; the first one schedules the turn's end after everything already queued.
    private func join(_ pending: Pending) {
        guard ledger != nil else { return pending.fail(closed) }
        turn.append(pending)
        guard turn.count == 1 else { return }
        executor.execute { [self] in
            assumeIsolated { $0.endTurn() }
        }
    }

    func endTurn() {
        let turn = turn
        self.turn = []
        guard !turn.isEmpty else { return }
        guard let ledger else { return turn.forEach { $0.fail(closed) } }
        let now = clock.now()
        let answers = turn.map { $0.decide(ledger, now) }
        if ledger.hasBatch {
            // A commit for this alone could fail calls that write nothing.
            _ = ledger.expire(now: now, limit: Ledger.sweep)
        }
        let refusalOfLists: LeaseError?
        do {
            try ledger.commit()
            refusalOfLists = try tidy(ledger, isFoldedWhole: turn.contains { $0.needsTables })
        } catch {
            switch error {
            case .refused(let refusal):
                turn.forEach { $0.fail(refusal) }
            case .unknown(let failure):
                end(ledger, failure)
                turn.forEach { $0.fail(failure) }
            }
            return
        }
        for (pending, answer) in zip(turn, answers) {
            if let refusalOfLists, pending.needsTables {
                pending.fail(refusalOfLists)
            } else {
                answer()
            }
        }
    }

    /// Folds if the journal has grown, and completely if the tables are about to be read.
    ///
    /// Returns why folding was refused, or `nil`: the turn's commit is durable all the same, and only the calls that
    /// read the tables fail.
    private func tidy(_ ledger: Ledger, isFoldedWhole: Bool) throws(CommitFailure) -> LeaseError? {
        do throws(CommitFailure) {
            if isFoldedWhole {
                while ledger.foldBacklog > 0 { _ = try ledger.fold(limit: 4096) }
            } else if ledger.foldBacklog > 8192 {
                _ = try ledger.fold(limit: 4096)
                // A turn may write more rows than a paced slice folds.
                while ledger.foldBacklog > Self.mostBacklog { _ = try ledger.fold(limit: 16_384, isPaced: false) }
            }
            return nil
        } catch {
            guard case .refused(let refusal) = error else { throw error }
            return refusal
        }
    }

    /// The most journal rows that wait in memory to be folded.
    private static let mostBacklog: Int64 = 32_768

    var closed: StoreError {
        failure ?? StoreError(.closed, "the store has been closed; open it again")
    }

    var unexpectedAnswer: StoreError {
        StoreError(.ioError, "the ledger answered something else than it was asked")
    }
}
