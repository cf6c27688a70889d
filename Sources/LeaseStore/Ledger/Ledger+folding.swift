import GRDB
import LeaseCore

/// Folding: the journal's effects carried into the tables.
///
/// A slice takes the next rows in order, works out what each lease they touch comes to, writes that, removes the rows
/// that are no history, and moves `folded_through`, all in one transaction. So after a crash at any instant a start finds
/// tables and journal that fit together, and comes to the same state whichever way it came. A tenure that was granted and
/// ended within a slice leaves the tables untouched, so that a slice is as long as what it writes allows: where leases are
/// held for a short time, thousands of rows come to next to nothing.
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
        var slice = nextSlice(limit: limit, writes: writes)
        let began = clock.now().boot
        try file.write { _ throws(CommitFailure) in
            try statements.transaction {
                try slice.forEachWrite(of: unfolded.rows(from: 0, most: slice.rowCount)) { name, tenure, isInTable in
                    try statements.table.write(tenure, for: name, isNew: !isInTable)
                }
                for sequence in slice.passing {
                    try statements.deleteEntry.run { $0.integer(1, sequence) }
                }
                // More than the slice adds, so that what is over its number becomes less.
                let trim = try trimHistory(
                    limit: max(2 * slice.rowCount, Self.fewestRemovedRows),
                    slice.foldedThrough,
                    slice.historyCount
                )
                slice.historyCount -= trim.removed
                slice.historyIsOver = trim.isOver
                try statements.setFoldedThrough.run { $0.integer(1, slice.foldedThrough) }
                if let last = slice.lastToken {
                    try statements.raiseLastToken.run { $0.integer(1, last.rawValue) }
                }
            }
        }
        foldPace.adapt(to: began.duration(to: clock.now().boot), writes: slice.writes, backlog: foldBacklog)
        unfolded.removeFirst(slice.rowCount)
        foldedThrough = slice.foldedThrough
        historyCount = slice.historyCount
        historyIsOver = slice.historyIsOver
        try file.tendLog()
        return foldBacklog > 0 || historyIsOver
    }

    /// How many rows of history a slice may remove, however few it folds.
    private static let fewestRemovedRows = 512
    /// After so many rows it is looked whether a slice is long enough.
    private static let chunk = 2048

    /// The next slice, of up to `limit` rows.
    ///
    /// It is cut where it would write more leases than `most`, but not where that is little for its rows: what is
    /// under way at its end is written however short it is.
    private func nextSlice(limit: Int, writes most: Int) -> FoldSlice {
        var slice = FoldSlice(foldedThrough: foldedThrough, historyCount: historyCount)
        while slice.rowCount < min(limit, unfolded.count) {
            slice.take(unfolded.rows(from: slice.rowCount, most: min(Self.chunk, limit - slice.rowCount)))
            // Most of these leases stay: more rows would not make it less.
            guard slice.writes <= most || slice.writes <= slice.rowCount / 2 else { break }
        }
        guard slice.writes > most, slice.writes > slice.rowCount / 3 else { return slice }
        var short = FoldSlice(foldedThrough: foldedThrough, historyCount: historyCount)
        short.take(unfolded.rows(from: 0, most: max(slice.rowCount * most / slice.writes, 1)))
        return short
    }

    /// Removes the oldest rows of folded history that are past their time or over their number, up to `limit`.
    ///
    /// - Returns: How many it has removed, and whether there may be more.
    private func trimHistory(limit: Int, _ foldedThrough: Int64, _ count: Int64) throws -> (removed: Int64, isOver: Bool) {
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
            let oldestKept = clock.now().wall.advanced(by: .zero - configuration.historyAge).microseconds
            try statements.selectHistory.scan(
                .integer(last), .integer(foldedThrough), .integer(Int64(limit) - removed)
            ) { row in
                guard let sequence = row.integer(0), let at = row.integer(1) else {
                    throw MalformedRow(table: "lease_journal")
                }
                guard at < oldestKept else { return false }
                last = sequence
                removed += 1
                return true
            }
        }
        if removed > 0 {
            try statements.deleteHistory.run { $0.integer(1, last) }
        }
        return (removed, removed == Int64(limit) && removed < count)
    }
}

/// What a slice comes to; it takes effect when its transaction has.
private struct FoldSlice {
    /// What a row comes to within the slice.
    private struct Mark {
        /// Whether the table holds the row's tenure.
        var isInTable = false
        /// Whether a later row of the slice is about the same tenure, and says what becomes of it.
        var isSuperseded = false
    }

    private let first: Int64
    private(set) var foldedThrough: Int64
    var historyCount: Int64
    var historyIsOver = false
    /// How many leases the table gets, changes or loses.
    private(set) var writes = 0
    private(set) var lastToken: Token?
    /// The rows that are no history.
    private(set) var passing: [Int64] = []
    private var marks: [Mark] = []

    /// How many rows there are.
    var rowCount: Int { marks.count }

    /// Begins a slice behind the rows that are folded.
    init(foldedThrough: Int64, historyCount: Int64) {
        first = foldedThrough + 1
        self.foldedThrough = foldedThrough
        self.historyCount = historyCount
    }

    /// Works out what the next rows come to.
    mutating func take(_ rows: some Collection<Unfolded.Row>) {
        marks.reserveCapacity(marks.count + rows.count)
        for row in rows {
            precondition(row.sequence == foldedThrough + 1, "rows that are to be folded have no gap")
            foldedThrough = row.sequence
            if let token = row.token {
                // An imported token may be lower than one before it.
                lastToken = max(token, lastToken ?? token)
            }
            if row.isHistory {
                historyCount += 1
            } else {
                passing.append(row.sequence)
            }
            marks.append(mark(row.change))
        }
    }

    private mutating func mark(_ change: LeaseChange?) -> Mark {
        guard let change else { return Mark() }
        var mark = Mark(isInTable: change.before != nil)
        if let before = change.before, before.sequence >= first {
            let index = Int(before.sequence - first)
            mark.isInTable = marks[index].isInTable
            marks[index].isSuperseded = true
            writes -= 1
        }
        if mark.isInTable || change.after != nil {
            writes += 1
        }
        return mark
    }

    /// Calls `body` for each lease that the table is to hold otherwise, in the order of the rows.
    ///
    /// - Parameter rows: the rows that were taken.
    func forEachWrite(
        of rows: some Collection<Unfolded.Row>,
        _ body: (_ name: LeaseName, _ tenure: Tenure?, _ isInTable: Bool) throws -> Void
    ) rethrows {
        for (row, mark) in zip(rows, marks) where !mark.isSuperseded {
            guard let change = row.change, mark.isInTable || change.after != nil else { continue }
            try body(change.name, change.after?.tenure, mark.isInTable)
        }
    }
}
