import LeaseCore

/// A part of a batch that is there whole or not at all.
extension Ledger {
    /// Runs `body`, and if it throws takes back what it has decided and written; the rest of the batch stays.
    ///
    /// A tenure that it found past its end has ended all the same: the error may tell of it.
    func atomically<Value>(now: Moment, _ body: () throws -> Value) throws -> Value {
        let mark = BatchMark(batch, tokens: tokens, lastSequence: lastSequence)
        if mark.isInTransaction {
            try write { try statements.savepoint.run() }
        }
        do {
            let value = try body()
            if mark.isInTransaction {
                try write { try statements.release.run() }
            }
            return value
        } catch {
            putBack(to: mark, now: now)
            throw error
        }
    }

    private func putBack(to mark: BatchMark, now: Moment) {
        // A failed write has taken the whole batch's values with it; the commit says so and puts back the leases.
        guard batch.failure == nil else { return }
        let ended = batch.entries[mark.entries...].compactMap(\.endedLease)
        putBack(batch.rows[mark.entries...])
        batch.rows.removeLast(batch.rows.count - mark.entries)
        batch.entries.removeLast(batch.entries.count - mark.entries)
        tokens = mark.tokens
        lastSequence = mark.lastSequence
        if mark.isInTransaction {
            // What cannot be taken back is noted as the batch's failure.
            try? write {
                try statements.rollBackToSavepoint.run()
                try statements.release.run()
            }
        } else if batch.isInTransaction {
            dropTransaction()
        }
        for name in ended {
            endIfOver(name, now: now)
        }
    }
}

/// A place in a batch to come back to.
private struct BatchMark {
    let entries: Int
    let tokens: TokenSequence
    let lastSequence: Int64
    let isInTransaction: Bool

    init(_ batch: Batch, tokens: TokenSequence, lastSequence: Int64) {
        entries = batch.entries.count
        isInTransaction = batch.isInTransaction
        self.tokens = tokens
        self.lastSequence = lastSequence
    }
}

extension JournalEntry {
    /// The lease whose tenure ended, if that is what happened.
    fileprivate var endedLease: LeaseName? {
        if case .lease(let name, _, .ended) = content { name } else { nil }
    }
}
