import GRDB
import GRDBSQLite
import LeaseCore

/// Binds values to a statement's parameters, which count from 1.
///
/// If a value was not bound, for lack of memory, the statement is not run: it would write NULL instead.
struct StatementBinder {
    private let statement: OpaquePointer?
    /// The code of the last binding that failed.
    private var code = SQLITE_OK

    init(statement: OpaquePointer?) {
        self.statement = statement
    }

    private mutating func note(_ code: Int32) {
        if code != SQLITE_OK { self.code = code }
    }

    func requireBound() throws {
        guard code == SQLITE_OK else {
            throw DatabaseError(resultCode: ResultCode(rawValue: code), message: "a value was not bound")
        }
    }

    /// SQLite's marker for bytes that it must copy: all ones in place of a function (sqlite.org/c3ref/c_static.html).
    ///
    /// The cast is sound although it is not a function: SQLite compares it, and never calls it.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    mutating func integer(_ index: Int32, _ number: Int64) {
        note(sqlite3_bind_int64(statement, index, number))
    }

    mutating func integer(_ index: Int32, _ number: Int64?) {
        if let number { integer(index, number) }
    }

    /// Binds bytes that stay in place until the statement has run.
    mutating func blob(_ index: Int32, inPlace bytes: UnsafeRawBufferPointer) {
        blob(index, bytes, nil)
    }

    mutating func blob(_ index: Int32, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { blob(index, $0, Self.copied) }
    }

    private mutating func blob(_ index: Int32, _ bytes: UnsafeRawBufferPointer, _ destructor: sqlite3_destructor_type?)
    {
        // A zero length with a null address would be bound as NULL.
        if bytes.isEmpty {
            note(sqlite3_bind_zeroblob(statement, index, 0))
        } else {
            note(sqlite3_bind_blob(statement, index, bytes.baseAddress, Int32(bytes.count), destructor))
        }
    }

    mutating func text(_ index: Int32, _ text: String) {
        guard !text.isEmpty else {
            // Most reasons are empty: there is nothing to copy, and a null address would be bound as NULL.
            note(sqlite3_bind_text(statement, index, UnsafePointer(bitPattern: 1), 0, nil))
            return
        }
        var text = text
        text.withUTF8 { buffer in
            let address = UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self)
            note(sqlite3_bind_text(statement, index, address, Int32(buffer.count), Self.copied))
        }
    }

    /// Two parameters: the boot clock's nanoseconds and the wall clock's microseconds.
    mutating func moment(_ index: Int32, _ moment: Moment) {
        integer(index, moment.boot.nanoseconds)
        integer(index + 1, moment.wall.microseconds)
    }

    /// Three parameters: request id, its user, the token that it replaced.
    mutating func request(_ index: Int32, _ request: RequestRecord) {
        blob(index, request.id.bytes)
        integer(index + 1, Int64(request.uid))
        integer(index + 2, request.replaced?.rawValue)
    }

    /// Four parameters: uid, gid, pid, owner label.
    mutating func holder(_ index: Int32, _ holder: Holder) {
        integer(index, Int64(holder.uid))
        integer(index + 1, Int64(holder.gid))
        integer(index + 2, Int64(holder.pid))
        text(index + 3, holder.owner.text)
    }
}
