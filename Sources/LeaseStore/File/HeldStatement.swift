import GRDB
import GRDBSQLite
import LeaseCore

/// A prepared statement that is kept for the life of its connection and bound without copies.
///
/// GRDB prepares, caches and checks each statement anew, which costs more than the statement itself if it runs for
/// every request. The few such statements are held here, on GRDB's own connection (`Database.sqliteConnection`),
/// through SQLite's C interface. They are used only while GRDB lends out the connection, so two threads are never in
/// one.
///
/// Values in arrays are bound as SQLITE_STATIC: their bytes stay in place until the statement has run, which is why
/// each call takes its values with it. A ``StatementBinder`` makes SQLite copy the few bytes of a label.
final class HeldStatement {
    private let connection: OpaquePointer
    private var statement: OpaquePointer?

    init(_ sql: String, on database: Database) throws {
        guard let connection = database.sqliteConnection else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw Self.error(code, on: connection) }
        self.connection = connection
        self.statement = statement
    }

    deinit {
        finalize()
    }

    /// Frees the statement, so that its connection can be closed; nothing may be called on it afterwards.
    ///
    /// Deallocation frees it, too, for example when opening fails halfway: the connection then lives until its last
    /// statement is freed (sqlite.org/c3ref/close.html, `sqlite3_close_v2`).
    func finalize() {
        sqlite3_finalize(statement)
        statement = nil
    }

    /// Binds the values and runs the statement to its end.
    func run(_ values: SQLValue...) throws {
        try withBound(values[...]) {
            let code = sqlite3_step(statement)
            guard code == SQLITE_DONE || code == SQLITE_ROW else { throw Self.error(code, on: connection) }
        }
    }

    /// Runs the statement to its end with what `bind` binds; anything else is NULL.
    ///
    /// Used for each request: nothing is put into an array first.
    @inline(__always)
    func run(binding bind: (inout StatementBinder) -> Void) throws {
        defer { sqlite3_clear_bindings(statement) }
        try runWhole(binding: bind)
    }

    /// Like ``run(binding:)``, for a `bind` that always binds every parameter, so that nothing has to be cleared.
    @inline(__always)
    func runWhole(binding bind: (inout StatementBinder) -> Void) throws {
        var binder = StatementBinder(statement: statement)
        bind(&binder)
        try binder.requireBound()
        let code = sqlite3_step(statement)
        defer { sqlite3_reset(statement) }
        guard code == SQLITE_DONE || code == SQLITE_ROW else { throw Self.error(code, on: connection) }
    }

    /// Steps to the first row and stays there until ``reset()``; returns whether there is one.
    func stand() -> Bool {
        if sqlite3_step(statement) == SQLITE_ROW { return true }
        sqlite3_reset(statement)
        return false
    }

    /// Leaves the current row.
    func reset() {
        sqlite3_reset(statement)
    }

    /// Binds the values and hands each row to `body`.
    func forEach(_ values: SQLValue..., body: (SQLRow) throws -> Void) throws {
        try withBound(values[...]) {
            try scan {
                try body($0)
                return true
            }
        }
    }

    /// Binds the values and returns whether there is a row.
    func hasRow(_ values: SQLValue...) throws -> Bool {
        var isThere = false
        try withBound(values[...]) {
            try scan { _ in
                isThere = true
                return false
            }
        }
        return isThere
    }

    /// Binds the values and hands each row to `body`, until there are no more or `body` returns `false`.
    func scan(_ values: SQLValue..., while body: (SQLRow) throws -> Bool) throws {
        try scan(values, while: body)
    }

    func scan(_ values: [SQLValue], while body: (SQLRow) throws -> Bool) throws {
        try withBound(values[...]) { try scan(body) }
    }

    private func scan(_ body: (SQLRow) throws -> Bool) throws {
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: guard try body(SQLRow(statement)) else { return }
            case SQLITE_DONE: return
            case let code: throw Self.error(code, on: connection)
            }
        }
    }

    private func withBound(_ values: ArraySlice<SQLValue>, index: Int32 = 1, _ body: () throws -> Void) throws {
        // The bytes of each blob must outlive the step, so binding nests.
        guard let value = values.first else {
            defer {
                sqlite3_reset(statement)
                sqlite3_clear_bindings(statement)
            }
            return try body()
        }
        let following = values.dropFirst()
        var binder = StatementBinder(statement: statement)
        switch value {
        case .integer(let number):
            binder.integer(index, number)
            try binder.requireBound()
            try withBound(following, index: index + 1, body)
        case .blob(let bytes):
            try bytes.withUnsafeBytes { buffer in
                binder.blob(index, inPlace: buffer)
                try binder.requireBound()
                try withBound(following, index: index + 1, body)
            }
        }
    }

    private static func error(_ code: Int32, on connection: OpaquePointer) -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)),
            message: String(cString: sqlite3_errmsg(connection))
        )
    }
}

enum SQLValue {
    case integer(Int64)
    case blob([UInt8])
}
