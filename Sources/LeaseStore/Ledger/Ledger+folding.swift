import GRDB
import LeaseCore

/// Folding: the journal's effects carried into the tables.
///
/// A slice takes the next rows in order, works out what each lease they touch comes to, writes that, removes the rows
/// that are no history, and moves `folded_through`, all in one transaction. So after a crash at any instant a start finds
/// tables and journal that fit together, and comes to the same state whichever way it came. A tenure that has ended by now
/// leaves the tables untouched (``Unfolded``), so that a slice is as long as what it writes allows: where leases are held for
/// a short time, thousands of rows come to next to nothing. A slice is not synced: the next commit syncs it, or the journal
/// is folded again.
extension Ledger {
    /// How many rows of the journal the tables lack.
    package var foldBacklog: Int64 { lastDurableSequence - foldedThrough }

    /// Folds up to `limit` rows and trims the history; tells whether there is more to do.
    ///
    /// Must not be called with a batch under way.
    ///
    /// - Throws: ``CommitFailure``. After ``CommitFailure/refused(_:)`` the journal is as it was, and nothing is lost.
    package func fold(limit: Int) throws(CommitFailure) -> Bool {
        try fold(limit: limit, writes: foldPace.writes)
    }

    /// Folds all that is left, in slices that are long, since nobody waits for a turn any more.
    func foldAll() throws(CommitFailure) {
        while try fold(limit: Self.longSlice, writes: Self.longSlice) {}
    }

    /// A slice when the store is closed: the more leases it writes, the more of them share a page.
    private static let longSlice = 65_536

    private func fold(limit: Int, writes: Int) throws(CommitFailure) -> Bool {
        precondition(!hasBatch, "folding waits for the end of a batch")
        guard foldBacklog > 0 || historyIsOver else { return false }
        let slice = nextSlice(limit: limit, writes: writes)
        let foldedThrough = foldedThrough + Int64(slice.rowCount)
        var (historyCount, historyIsOver) = (historyCount + slice.historyCount, false)
        let began = clock.now().boot
        // A slow disk is no hang, whatever is written to it.
        commitBegan.start(at: began)
        defer { commitBegan.stop() }
        try file.write { _ throws(CommitFailure) in
            // Nobody was told of what a slice does: if it is lost, the journal still has it.
            try statements.withoutSync { () throws(CommitFailure) in
                try statements.transaction {
                    try unfolded.forEachWrite(slice.rowCount) { name, tenure, isInTable in
                        try statements.table.write(tenure, for: name, isNew: !isInTable)
                    }
                    for sequence in slice.passing {
                        try statements.deleteEntry.run { $0.integer(1, sequence) }
                    }
                    // More than the slice adds, so that what is over its number becomes less.
                    let trim = try trimHistory(
                        limit: max(2 * slice.rowCount, Self.fewestRemovedRows),
                        foldedThrough,
                        historyCount
                    )
                    historyCount -= trim.removed
                    historyIsOver = trim.isOver
                    try statements.setFoldedThrough.run { $0.integer(1, foldedThrough) }
                    if let last = slice.lastToken {
                        try statements.raiseLastToken.run { $0.integer(1, last.rawValue) }
                    }
                }
            }
        }
        foldPace.adapt(to: began.duration(to: clock.now().boot), writes: slice.writes)
        unfolded.removeFirst(slice.rowCount)
        self.foldedThrough = foldedThrough
        self.historyCount = historyCount
        self.historyIsOver = historyIsOver
        try file.tendLog()
        return foldBacklog > 0 || historyIsOver
    }

    /// How many rows of history a slice may remove, however few it folds.
    private static let fewestRemovedRows = 512
    /// After so many rows it is looked whether a slice is long enough.
    private static let chunk = 2048

    /// The next slice, of up to `limit` rows; it is cut where it would write more leases than `most`.
    private func nextSlice(limit: Int, writes most: Int) -> Unfolded.Slice {
        let limit = min(limit, unfolded.count)
        var slice = Unfolded.Slice()
        while slice.rowCount < limit, slice.writes <= most {
            unfolded.extend(&slice, by: min(Self.chunk, limit - slice.rowCount))
        }
        guard slice.writes > most else { return slice }
        var short = Unfolded.Slice()
        unfolded.extend(&short, by: max(slice.rowCount * most / slice.writes, 1))
        return short
    }

    /// What a slice has removed of the history.
    private struct Trim {
        let removed: Int64
        /// Whether there may be more that is to go.
        let isOver: Bool
    }

    /// Removes the oldest rows of folded history that are past their time or over their number, up to `limit`.
    private func trimHistory(limit: Int, _ foldedThrough: Int64, _ count: Int64) throws -> Trim {
        var removed = min(max(count - configuration.historyRows, 0), Int64(limit))
        var last: Int64 = 0
        if removed > 0 {
            // How old these are does not matter.
            try statements.selectHistoryRow.forEach(.integer(foldedThrough), .integer(removed - 1)) { row in
                last = row.integer(0) ?? 0
            }
            // There are fewer than were counted: somebody has removed some by hand.
            if last == 0 { removed = 0 }
        }
        if removed < limit {
            let now = clock.now().wall
            let oldestKept = now.advanced(by: .zero - configuration.historyAge).microseconds
            var passed: Int64 = 0
            try statements.selectHistory.scan(
                .integer(last),
                .integer(foldedThrough),
                .integer(Int64(limit) - removed)
            ) { row in
                guard let sequence = row.integer(0), let at = row.integer(1) else {
                    throw MalformedRow(table: "lease_journal")
                }
                guard at < oldestKept else {
                    // One of a clock that was ahead says nothing of those behind it.
                    passed += 1
                    return at > now.microseconds
                }
                last = sequence
                removed += 1 + passed
                passed = 0
                return true
            }
        }
        if removed > 0 {
            try statements.deleteHistory.run { $0.integer(1, last) }
        }
        return Trim(removed: removed, isOver: removed == Int64(limit) && removed < count)
    }
}
