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
    /// - Parameter isPaced: Whether the slice is cut where it would write more leases than a turn has time for.
    /// - Throws: ``CommitFailure``. After ``CommitFailure/refused(_:)`` the journal is as it was, and nothing is lost.
    package func fold(limit: Int, isPaced: Bool) throws(CommitFailure) -> Bool {
        try fold(limit: limit, writes: isPaced ? foldPace.writes : limit, isPaced: isPaced)
    }

    /// Folds a slice that is paced.
    package func fold(limit: Int) throws(CommitFailure) -> Bool {
        try fold(limit: limit, isPaced: true)
    }

    /// Folds all that is left, in slices that are long, since nobody waits for a turn any more.
    func foldAll() throws(CommitFailure) {
        while try fold(limit: Self.longSlice, writes: Self.longSlice, isPaced: false) {}
    }

    /// A slice when the store is closed: the more leases it writes, the more of them share a page.
    private static let longSlice = 65_536

    private func fold(limit: Int, writes: Int, isPaced: Bool) throws(CommitFailure) -> Bool {
        precondition(!hasBatch, "folding waits for the end of a batch")
        guard foldBacklog > 0 || historyIsOver else { return false }
        let slice = nextSlice(limit: limit, writes: writes)
        let foldedThrough = foldedThrough + Int64(slice.rowCount)
        let historyCount = historyCount + slice.historyCount
        var trim = Trim(ahead: historyAhead)
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
                    trim = try trimHistory(
                        limit: max(2 * slice.rowCount, Self.fewestRemovedRows),
                        foldedThrough,
                        historyCount
                    )
                    try statements.setFoldedThrough.run { $0.integer(1, foldedThrough) }
                    if let last = slice.lastToken {
                        try statements.raiseLastToken.run { $0.integer(1, last.rawValue) }
                    }
                }
            }
        }
        if isPaced { foldPace.adapt(to: began.duration(to: clock.now().boot), writes: slice.writes) }
        unfolded.removeFirst(slice.rowCount)
        self.foldedThrough = foldedThrough
        self.historyCount = historyCount - trim.removed
        historyIsOver = trim.isOver
        historyAhead = trim.ahead
        try file.tendWAL()
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
        var removed: Int64 = 0
        /// Whether there may be more that is to go.
        var isOver = false
        /// What is to be ``Ledger/historyAhead``.
        var ahead: HistoryAhead
    }

    /// Removes the oldest rows of folded history that are past their time or over their number, up to `limit`.
    private func trimHistory(limit: Int, _ foldedThrough: Int64, _ count: Int64) throws -> Trim {
        var trim = Trim(ahead: historyAhead)
        let limit = Int64(limit)
        var last: Int64 = 0
        let excess = min(max(count - configuration.historyRows, 0), limit)
        // There may be fewer than were counted, if somebody has removed some by hand.
        if excess > 0, let sequence = try historySequence(at: excess - 1, foldedThrough) {
            // How old these are does not matter.
            (last, trim.removed) = (sequence, excess)
            if excess < trim.ahead.count {
                trim.ahead.count -= excess
            } else {
                trim.ahead = HistoryAhead(through: sequence)
            }
        }
        if trim.removed < limit {
            let now = clock.now().wall
            let oldestKept = now.advanced(by: .zero - configuration.historyAge).microseconds
            var left = limit - trim.removed
            var isPastLimit = false
            try statements.selectHistory.scan(.integer(trim.ahead.through), .integer(foldedThrough), .integer(left)) {
                row in
                guard let sequence = row.integer(0), let at = row.integer(1) else {
                    throw MalformedRow(table: "lease_journal")
                }
                left -= 1
                if at < oldestKept {
                    // All before it go with it, in more than one slice if they are many.
                    isPastLimit = trim.ahead.count >= limit
                    guard !isPastLimit else { return false }
                    last = sequence
                    trim.removed += 1 + trim.ahead.count
                    trim.ahead = HistoryAhead(through: sequence)
                    return true
                }
                // One of a clock that was ahead says nothing of those behind it.
                guard at > now.microseconds else { return false }
                trim.ahead = HistoryAhead(through: sequence, count: trim.ahead.count + 1)
                return true
            }
            trim.isOver = left == 0
            if isPastLimit, let sequence = try historySequence(at: limit - 1, foldedThrough) {
                trim.ahead.count -= limit - trim.removed
                (last, trim.removed, trim.isOver) = (sequence, limit, true)
            } else if isPastLimit {
                // There are fewer than were counted, here too.
                trim.ahead = HistoryAhead()
            }
        } else {
            trim.isOver = true
        }
        if trim.removed > 0 {
            try statements.deleteHistory.run { $0.integer(1, last) }
        }
        trim.isOver = trim.isOver && trim.removed < count
        return trim
    }

    /// The place of the row of folded history that has so many before it, or `nil` if there are no more than that.
    private func historySequence(at place: Int64, _ foldedThrough: Int64) throws -> Int64? {
        var sequence: Int64?
        try statements.selectHistoryRow.forEach(.integer(foldedThrough), .integer(place)) { sequence = $0.integer(0) }
        return sequence
    }
}

/// The oldest rows of history that are kept since a clock that was ahead has written them: those behind them may be
/// past their time all the same, and then all go.
struct HistoryAhead {
    /// The last of them that was looked at.
    var through: Int64 = 0
    var count: Int64 = 0
}
