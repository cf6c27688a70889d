import GRDB

/// The held statements of one connection, all of which must be finalized before it can be closed.
final class HeldStatements {
    private unowned let database: Database
    private var statements: [HeldStatement] = []

    init(on database: Database) {
        self.database = database
    }

    func prepare(_ sql: String) throws -> HeldStatement {
        let statement = try HeldStatement(sql, on: database)
        statements.append(statement)
        return statement
    }

    /// Frees all of them; nothing may be called on them afterwards.
    func finalize() {
        for statement in statements {
            statement.finalize()
        }
        statements = []
    }
}
