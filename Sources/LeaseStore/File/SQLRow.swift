import GRDBSQLite

/// The row that a held statement stands on; valid until the next step.
struct SQLRow {
    private let statement: OpaquePointer?

    init(_ statement: OpaquePointer?) {
        self.statement = statement
    }

    func integer(_ column: Int32) -> Int64? {
        value(column).map { sqlite3_value_int64($0) }
    }

    func bytes(_ column: Int32) -> [UInt8]? {
        value(column).map { Array(Self.bytes(of: $0)) }
    }

    func text(_ column: Int32) -> String? {
        value(column).map { String(decoding: Self.bytes(of: $0), as: UTF8.self) }
    }

    /// The value of a column, or `nil` if it is NULL.
    ///
    /// The column is looked up once for both its type and its value. SQLite allows access to a value only from the
    /// thread that steps the statement (sqlite.org/c3ref/value.html): GRDB gives a connection to one thread at a time.
    private func value(_ column: Int32) -> OpaquePointer? {
        let value = sqlite3_column_value(statement, column)
        return sqlite3_value_type(value) == SQLITE_NULL ? nil : value
    }

    private static func bytes(of value: OpaquePointer) -> UnsafeRawBufferPointer {
        // The address of an empty blob is null.
        guard let address = sqlite3_value_blob(value) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: address, count: Int(sqlite3_value_bytes(value)))
    }
}
