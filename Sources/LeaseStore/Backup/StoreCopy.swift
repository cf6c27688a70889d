import CLinux
import Foundation
import GRDB
import Glibc
import LeaseCore

/// A store's file as the source of a copy: read without changing it, and copied page by page.
struct StoreCopy {
    let path: String
    private let queue: DatabaseQueue
    private let file: DatabaseDescriptors.File

    /// Opens a file read-only; a process that has it open continues.
    init(of path: String) throws(StoreError) {
        self.path = path
        var information = stat()
        guard stat(path, &information) == 0 else {
            guard errno != EACCES else { throw Self.denied(path) }
            guard errno == ENOENT else { throw .failed("stat of", path, errno) }
            throw StoreError(.missing, "there is no file \(path)")
        }
        guard information.st_mode & S_IFMT == S_IFREG, information.st_size > 0 else {
            throw StoreError(
                .notAStore,
                "\(path) is no store: \(information.st_size == 0 ? "it is empty" : "it is no regular file")"
            )
        }
        guard access(path, R_OK) == 0 else { throw Self.denied(path) }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        file = DatabaseDescriptors.File(information)
        DatabaseDescriptors.beginReading(file)
        do {
            queue = try DatabaseQueue(path: resolvedPath(path), configuration: configuration)
        } catch {
            DatabaseDescriptors.endReading(file)
            throw Self.failure(error, path: path)
        }
    }

    /// The log that lies beside a file and is not empty, if there is one: SQLite takes it for the file's own.
    static func log(beside path: String) -> String? {
        ["-wal", "-journal"].map { resolvedPath(path) + $0 }.first {
            var information = stat()
            return stat($0, &information) == 0 && information.st_size > 0
        }
    }

    private static func denied(_ path: String) -> StoreError {
        StoreError(.denied, "\(path) may not be read: \(systemMessage(errno)); do this as root, or as its owner")
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try queue.read { database in
                guard try Int32.fetchOne(database, sql: "PRAGMA application_id") == Schema.applicationID else {
                    throw StoreError(.notAStore, "\(path) is the database of something else, not a store")
                }
                try StoreFile.requireKnownSchema(of: database, path: path)
                return try body(database)
            }
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    /// Copies the file as of one snapshot.
    ///
    /// The snapshot is held from the first page to the last. Without it, each commit of a writer would make SQLite
    /// start again (sqlite.org/c3ref/backup_finish.html), and a busy store would never be copied. While it is held, the
    /// writer's WAL grows.
    ///
    /// - Parameter progress: Called after each step with the number of pages copied and their total.
    func write(to file: String, progress: (_ copied: Int, _ total: Int) -> Void) throws(StoreError) {
        try read { source in
            let copy = try DatabaseQueue(path: file)
            try copy.inDatabase { destination in
                try withoutActuallyEscaping(progress) { progress in
                    try source.backup(to: destination, pagesPerStep: 1024) {
                        progress($0.completedPageCount, $0.totalPageCount)
                    }
                }
                // One file, without a WAL beside it.
                guard try String.fetchOne(destination, sql: "PRAGMA journal_mode = DELETE") == "delete" else {
                    throw StoreError(.ioError, "the log of \(file) could not be carried into it; is the disk full?")
                }
            }
            try copy.close()
        }
    }

    /// Requires that a file ends where its last page does.
    ///
    /// SQLite reads a missing part of the last page as zeros, and ignores what follows the last page.
    func requireWhole() throws(StoreError) {
        let size = try read { database in
            (
                pages: try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0,
                page: try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 0
            )
        }
        var file = stat()
        guard stat(path, &file) == 0 else { throw .failed("stat of", path, errno) }
        guard file.st_size == size.pages * size.page else {
            throw StoreError(
                .damaged,
                "\(path) is damaged (it has \(file.st_size) bytes, and \(size.pages * size.page) by its own account); nothing was done"
            )
        }
    }

    /// SQLite's error, as that of a copy.
    static func failure(_ error: any Error, path: String) -> StoreError {
        if let error = error as? DatabaseError, error.resultCode == .SQLITE_FULL {
            // The file itself is only read.
            return StoreError(
                .ioError,
                "the disk that \(path) is copied to is full; make room there",
                underlying: error
            )
        }
        let failure = StoreFile.translate(error, path: path)
        switch failure.code {
        case .damaged:
            let detail = (error as? DatabaseError)?.message ?? "a row makes no sense"
            return StoreError(.damaged, "\(path) is damaged (\(detail)); nothing was done", underlying: error)
        case .notAStore where error is DatabaseError:
            return StoreError(.notAStore, "\(path) is no SQLite database", underlying: error)
        case .cannotCreate:
            return StoreError(.ioError, "\(path) cannot be opened: \(failure.message)", underlying: error)
        default:
            return failure
        }
    }

    func close() {
        try? queue.close()
        DatabaseDescriptors.endReading(file)
    }

    /// When the file was made as a backup, or `nil` if it is not one.
    static func backupTime(_ database: Database) throws -> WallInstant? {
        try Int64.fetchOne(database, sql: "SELECT value FROM meta WHERE name = ?", arguments: [Meta.backup])
            .map { WallInstant(microseconds: $0) }
    }

    /// The highest token that the file knows of.
    static func lastToken(_ database: Database) throws -> Token? {
        try Int64.fetchOne(
            database,
            sql: """
                SELECT max(token) FROM (
                    SELECT value AS token FROM meta WHERE name = ?
                    UNION ALL SELECT token FROM leases
                    UNION ALL SELECT token FROM lease_journal)
                """,
            arguments: [Meta.lastToken]
        ).flatMap(Token.init(rawValue:))
    }
}
