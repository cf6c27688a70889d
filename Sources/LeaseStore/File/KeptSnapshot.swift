import GRDB

/// A read transaction on the writer's connection that outlives its commits.
///
/// SQLite takes a read mark in the log's index before each transaction and gives it back behind it: four calls of fcntl(2)
/// for every `BEGIN IMMEDIATE` and `COMMIT`, and for every look at a table (sqlite.org/walformat.html, "WAL Locks"). While a
/// statement stands on a row, the connection keeps its mark, and its own commits move what it sees along.
///
/// The price is that no checkpoint passes the mark, and that the log cannot begin anew. So whoever carries the log over
/// ends the snapshot first. So does whoever meets an error: SQLite gets over one only when nobody reads any more.
final class KeptSnapshot {
    private let statement: HeldStatement
    private var isKept = false

    init(on database: Database) throws {
        statement = try HeldStatement("SELECT 1 FROM sqlite_schema", on: database)
    }

    /// Keeps what the connection reads from now on, until ``end()``.
    ///
    /// If SQLite refuses, nothing is kept, and each transaction takes its own mark as ever.
    func begin() {
        guard !isKept else { return }
        isKept = statement.stand()
    }

    /// Keeps nothing any more.
    func end() {
        guard isKept else { return }
        statement.reset()
        isKept = false
    }

    /// Frees the statement, so that its connection can be closed.
    func finalize() {
        isKept = false
        statement.finalize()
    }
}
