import GRDB

/// A read transaction on the writer's connection that outlives its commits.
///
/// SQLite takes a read mark in the WAL index before each transaction and releases it afterwards: four calls of fcntl(2)
/// for every `BEGIN IMMEDIATE` and `COMMIT`, and for every read of a table (sqlite.org/walformat.html, "WAL Locks").
/// While a statement stands on a row, the connection keeps its mark, and its own commits advance what it sees.
///
/// The price: no checkpoint passes the mark, and the WAL cannot restart. So the snapshot must end before a checkpoint,
/// and after an error: SQLite recovers from one only when the connection no longer reads.
final class KeptSnapshot {
    private let statement: HeldStatement
    private var isKept = false

    init(on database: Database) throws {
        statement = try HeldStatement("SELECT 1 FROM sqlite_schema", on: database)
    }

    /// Keeps what the connection reads from now on, until ``end()``.
    ///
    /// If SQLite refuses, nothing is kept, and each transaction takes its own mark as usual.
    func begin() {
        guard !isKept else { return }
        isKept = statement.stand()
    }

    /// Ends what is kept.
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
