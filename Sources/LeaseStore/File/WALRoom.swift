import GRDB
import GRDBSQLite

/// Space in the WAL's file for the frames to come: zeros, up to the length at which the WAL is checkpointed.
///
/// A restarted WAL overwrites its file and keeps its length. Before the first restart, for thousands of commits and on
/// most machines for months, each commit makes the file longer, and a sync that also writes a new length takes a
/// quarter longer. So once a store is written to, its WAL is extended to that length, in parts between two commits;
/// SQLite ignores whatever follows the last frame (sqlite.org/fileformat2.html#walformat).
///
/// If the disk becomes full meanwhile, all of it is given back.
final class WALRoom {
    /// From this many frames on, space is reserved: a store that is hardly written to needs none.
    static let fewestFrames: Int32 = 64
    /// What one part adds to the next commit's sync: this many writes of this many bytes.
    ///
    /// SQLite takes less than 128 KiB at once.
    private static let part = (writes: 4, bytes: 64 << 10)
    private static let header: Int64 = 32
    private static let frameHeader: Int64 = 24

    private let frame: Int64
    private let length: Int64
    /// Whether there is nothing left to do until the store is opened again.
    private var isDone = false

    /// - Parameters:
    ///   - frames: The number of frames at which the WAL is checkpointed.
    ///   - pageSize: The store's page size, in bytes.
    init(frames: Int32, pageSize: Int64) {
        frame = Self.frameHeader + pageSize
        length = Self.header + Int64(frames) * frame
    }

    /// Whether ``extend(on:frames:)`` has anything to do.
    func isDue(frames: Int32) -> Bool { !isDone && frames >= Self.fewestFrames }

    /// Extends the file by one part, between two commits.
    ///
    /// - Parameter frames: How many frames the WAL has.
    func extend(on writer: Database, frames: Int32) {
        guard let log = Self.log(of: writer), let methods = log.pointee.pMethods?.pointee else { return isDone = true }
        var size: Int64 = 0
        guard methods.xFileSize(log, &size) == SQLITE_OK, size < length else { return isDone = true }
        let code = withUnsafeTemporaryAllocation(byteCount: Self.part.bytes, alignment: 8) { zeros in
            zeros.initializeMemory(as: UInt8.self, repeating: 0)
            var code = SQLITE_OK
            for _ in 0..<Self.part.writes where code == SQLITE_OK && size < length {
                let count = min(Int(length - size), zeros.count)
                code = methods.xWrite(log, zeros.baseAddress, Int32(count), size)
                size += Int64(count)
            }
            return code
        }
        guard code != SQLITE_OK else { return }
        isDone = true
        _ = methods.xTruncate(log, Self.header + Int64(frames) * frame)
    }

    /// SQLite's own file handle of the WAL (sqlite.org/c3ref/c_fcntl_begin_atomic_write.html,
    /// SQLITE_FCNTL_JOURNAL_POINTER).
    private static func log(of writer: Database) -> UnsafeMutablePointer<sqlite3_file>? {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let code = sqlite3_file_control(writer.sqliteConnection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
        return code == SQLITE_OK ? file : nil
    }
}

extension Database {
    /// The size of the database's pages, in bytes.
    func pageSize() throws -> Int64 {
        guard let size = try Int64.fetchOne(self, sql: "PRAGMA page_size") else {
            throw DatabaseError(resultCode: .SQLITE_INTERNAL, message: "PRAGMA page_size answers nothing")
        }
        return size
    }
}
