import LeaseCore

/// A part of a batch that takes effect entirely or not at all.
extension Ledger {
    /// Runs `body`; if it throws, undoes what it has decided and written, and keeps the rest of the batch.
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
        // A failed write has rolled back all of the batch's values; the commit reports it and restores the leases.
        guard batch.failure == nil else { return }
        let ended = batch.entries[mark.entries...].compactMap(\.endedLease)
        putBack(batch.rows[mark.entries...])
        batch.rows.removeLast(batch.rows.count - mark.entries)
        batch.entries.removeLast(batch.entries.count - mark.entries)
        tokens = mark.tokens
        lastSequence = mark.lastSequence
        if mark.isInTransaction {
            // If this fails, it is noted as the batch's failure.
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

/// A point in a batch to return to.
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
    /// The lease whose tenure the entry ended, if it did.
    fileprivate var endedLease: LeaseName? {
        if case .lease(let name, _, .ended) = content { name } else { nil }
    }
}
