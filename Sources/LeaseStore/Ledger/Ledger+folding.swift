import GRDB
import LeaseCore

/// Folding: the journal's effects carried into the tables.
///
/// A slice takes the next rows in order, works out what each lease they touch comes to, writes that, removes the rows
/// that are no history, and moves `folded_through`, all in one transaction. So after a crash at any instant a start finds
/// tables and journal that fit together, and comes to the same state whichever way it came. A lease that was granted and
/// ended within a slice leaves the tables untouched.
extension Ledger {
    /// How many rows of the journal the tables lack.
    package var foldBacklog: Int64 { lastDurableSequence - foldedThrough }

    /// Folds up to `limit` rows and trims the history; tells whether there is more to do.
    ///
    /// Must not be called with a batch under way.
    ///
    /// - Throws: ``CommitFailure``. After ``CommitFailure/refused(_:)`` the journal is as it was, and nothing is lost.
    package func fold(limit: Int) throws(CommitFailure) -> Bool {
        precondition(!hasBatch, "folding waits for the end of a batch")
        guard foldBacklog > 0 || historyIsOver else { return false }
        var slice = FoldSlice(foldedThrough: foldedThrough, historyCount: historyCount)
        try file.write { database throws(CommitFailure) in
            try statements.transaction {
                try foldRows(limit: limit, into: &slice)
                try trimHistory(limit: limit, in: &slice, database)
                try Self.set(Meta.foldedThrough, slice.foldedThrough, in: database)
                if let last = slice.lastToken {
                    try database.execute(
                        sql:
                            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = max(value, ?2)",
                        arguments: [Meta.lastToken, last.rawValue]
                    )
                }
            }
        }
        foldedThrough = slice.foldedThrough
        historyCount = slice.historyCount
        historyIsOver = slice.historyIsOver
        try file.tendLog()
        return foldBacklog > 0 || historyIsOver
    }

    private func foldRows(limit: Int, into slice: inout FoldSlice) throws {
        var touched: [LeaseName: (before: Tenure?, after: Tenure?)] = [:]
        var passing: [Int64] = []
        try statements.selectEntries.forEach(.integer(slice.foldedThrough), .integer(Int64(limit))) { row in
            guard let entry = JournalEntry(row) else { throw MalformedRow(table: "lease_journal") }
            slice.foldedThrough = entry.sequence
            if let token = entry.issuedToken {
                // An imported token may be lower than one before it.
                slice.lastToken = max(token, slice.lastToken ?? token)
            }
            if entry.isHistory {
                slice.historyCount += 1
            } else {
                passing.append(entry.sequence)
            }
            guard case .lease(let name, _, _) = entry.content else { return }
            var change: (before: Tenure?, after: Tenure?)
            if let known = touched[name] {
                change = known
            } else {
                let stored = try statements.table.tenure(of: name)
                change = (stored, stored)
            }
            guard entry.apply(to: &change.after) else { throw MalformedRow(table: "lease_journal") }
            touched[name] = change
        }
        for (name, change) in touched {
            try statements.table.write(change.after, for: name, replacing: change.before)
        }
        for sequence in passing {
            try statements.deleteEntry.run(.integer(sequence))
        }
    }

    /// Removes the oldest rows of history that are past their time or over their number, up to `limit`.
    private func trimHistory(limit: Int, in slice: inout FoldSlice, _ database: Database) throws {
        let oldestKept = clock.now().wall.advanced(by: .zero - configuration.historyAge)
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT seq, at_us FROM lease_journal WHERE seq <= ? ORDER BY seq LIMIT ?",
            arguments: [slice.foldedThrough, limit]
        )
        var last: Int64?
        var removed: Int64 = 0
        while let row = try rows.next() {
            let isOverNumber = slice.historyCount - removed > configuration.historyRows
            guard isOverNumber || row["at_us"] < oldestKept.microseconds else { break }
            last = row["seq"]
            removed += 1
        }
        if let last {
            try database.execute(sql: "DELETE FROM lease_journal WHERE seq <= ?", arguments: [last])
        }
        slice.historyCount -= removed
        slice.historyIsOver = removed == Int64(limit) && slice.historyCount > 0
    }
}

/// What a slice has come to so far; it takes effect when its transaction has.
private struct FoldSlice {
    var foldedThrough: Int64
    var historyCount: Int64
    var lastToken: Token?
    var historyIsOver = false
}
