import GRDB
import LeaseCore

/// Folding: moving the journal's effects into the tables.
///
/// One slice, one transaction: compute the final state of each lease in the next rows, write it, delete the rows that
/// are not history, advance `folded_through`. So tables and journal fit together after any crash. Tenures that have
/// already ended are not written (``Unfolded``), so slices of short leases are long and cheap. Slices are not synced:
/// the next commit syncs them; if they are lost, the journal is folded again.
extension Ledger {
    /// How many journal rows the tables lack.
    package var foldBacklog: Int64 { lastDurableSequence - foldedThrough }

    /// Folds up to `limit` rows and trims the history; returns whether there is more to do.
    ///
    /// Must not be called during a batch.
    ///
    /// - Parameter isPaced: Whether to shorten a slice that would write more leases than a turn has time for.
    /// - Throws: ``CommitFailure``. After ``CommitFailure/refused(_:)`` the journal is as it was, and nothing is lost.
    package func fold(limit: Int, isPaced: Bool) throws(CommitFailure) -> Bool {
        try fold(limit: limit, writes: isPaced ? foldPace.writes : limit, isPaced: isPaced)
    }

    /// Folds a paced slice.
    package func fold(limit: Int) throws(CommitFailure) -> Bool {
        try fold(limit: limit, isPaced: true)
    }

    /// Folds everything, in long slices, since no turn waits any more.
    func foldAll() throws(CommitFailure) {
        while try fold(limit: Self.longSlice, writes: Self.longSlice, isPaced: false) {}
    }

    /// The length of a slice when the store is closed: the more leases it writes, the more of them share a page.
    private static let longSlice = 65_536

    private func fold(limit: Int, writes: Int, isPaced: Bool) throws(CommitFailure) -> Bool {
        precondition(!hasBatch, "folding waits for the end of a batch")
        guard foldBacklog > 0 || historyIsOver else { return false }
        let slice = nextSlice(limit: limit, writes: writes)
        let foldedThrough = foldedThrough + Int64(slice.rowCount)
        let historyCount = historyCount + slice.historyCount
        var trim = Trim(ahead: historyAhead)
        let began = clock.now().boot
        // A slow disk is not a hang, whatever is written to it.
        commitBegan.start(at: began)
        defer { commitBegan.stop() }
        try file.write { _ throws(CommitFailure) in
            // Nobody was told of a slice's effects: if they are lost, the journal still has them.
            try statements.withoutSync { () throws(CommitFailure) in
                try statements.transaction {
                    try unfolded.forEachWrite(slice.rowCount) { name, tenure, isInTable in
                        try statements.table.write(tenure, for: name, isNew: !isInTable)
                    }
                    for sequence in slice.passing {
                        try statements.deleteEntry.run { $0.integer(1, sequence) }
                    }
                    // More than the slice adds, so that an excess shrinks.
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

    /// How many rows of history a slice may remove even if it folds few.
    private static let fewestRemovedRows = 512
    /// How many rows are added before the length of a slice is checked.
    private static let chunk = 2048

    /// The next slice, of up to `limit` rows, shortened if it would write more than `most` leases.
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

    private struct Trim {
        var removed: Int64 = 0
        /// Whether there may be more to remove.
        var isOver = false
        /// The next ``Ledger/historyAhead``.
        var ahead: HistoryAhead
    }

    /// Removes up to `limit` of the oldest rows of folded history that are too old or too many.
    private func trimHistory(limit: Int, _ foldedThrough: Int64, _ count: Int64) throws -> Trim {
        var trim = Trim(ahead: historyAhead)
        let limit = Int64(limit)
        var last: Int64 = 0
        let excess = min(max(count - configuration.historyRows, 0), limit)
        // There may be fewer than counted, if some were removed by hand.
        if excess > 0, let sequence = try historySequence(at: excess - 1, foldedThrough) {
            // These go whatever their age.
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
                    // All rows before it go with it, in several slices if they are many.
                    isPastLimit = trim.ahead.count >= limit
                    guard !isPastLimit else { return false }
                    last = sequence
                    trim.removed += 1 + trim.ahead.count
                    trim.ahead = HistoryAhead(through: sequence)
                    return true
                }
                // Later rows are younger, unless this one is from a clock that was ahead.
                guard at > now.microseconds else { return false }
                trim.ahead = HistoryAhead(through: sequence, count: trim.ahead.count + 1)
                return true
            }
            trim.isOver = left == 0
            if isPastLimit, let sequence = try historySequence(at: limit - 1, foldedThrough) {
                trim.ahead.count -= limit - trim.removed
                (last, trim.removed, trim.isOver) = (sequence, limit, true)
            } else if isPastLimit {
                // Here too there are fewer than counted.
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

    /// The sequence number of the folded history row with `place` rows before it, or `nil` if there is none.
    private func historySequence(at place: Int64, _ foldedThrough: Int64) throws -> Int64? {
        var sequence: Int64?
        try statements.selectHistoryRow.forEach(.integer(foldedThrough), .integer(place)) { sequence = $0.integer(0) }
        return sequence
    }
}

/// Rows at the start of the history stamped later than the present clock.
///
/// They are kept, but rows after them may have expired; when one has, all before it are deleted with it.
struct HistoryAhead {
    /// The sequence number of the last row examined.
    var through: Int64 = 0
    var count: Int64 = 0
}
