import CLinux
import Foundation
import GRDB
import Glibc

/// The inspection of a file before the first write: is it ours, whole, and of a known release?
extension StoreFile {
    /// Requires a regular file that can be read and written; returns its size.
    static func requireRegularFile(_ path: String) throws(StoreError) -> Int {
        guard access(path, R_OK | W_OK) == 0 else {
            throw StoreError(.denied, "the store \(path) may not be read and written: \(systemMessage(errno))")
        }
        var information = stat()
        guard stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            throw StoreError(.notAStore, "\(path) is no regular file; name another one for the store")
        }
        return information.st_size
    }

    /// Inspects an existing file without changing it.
    ///
    /// Returns the closed connection that it used, if any.
    static func inspect(_ path: String, size: Int, keyHash: KeyHash) throws -> DatabaseQueue? {
        guard size > 0 else {
            try requireNoLog(of: path, "it is empty, and its log is not")
            return nil
        }
        let isChecked = size <= checkedSize
        do {
            return try inspect(path, keyHash: keyHash, isChecked: isChecked, isReadOnly: true)
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_READONLY_ROLLBACK {
            // A transaction from before the file had a WAL was cut short: a store in the making. Its content is visible
            // once SQLite has rolled that back, as it does for anything that opens the file for writing.
            return try inspect(path, keyHash: keyHash, isChecked: isChecked, isReadOnly: false)
        } catch {
            guard translate(error, path: path).code == .damaged else { throw error }
            // SQLite says the same of a page that the disk did not deliver (SQLITE_IOERR_CORRUPTFS), and the file may
            // be whole.
            try requireReadable(path)
            return try inspect(path, keyHash: keyHash, isChecked: isChecked, isReadOnly: true)
        }
    }

    /// Requires that an empty or missing file has no WAL: SQLite would take it for a new database, and remove the WAL.
    static func requireNoLog(of path: String, _ detail: String) throws(StoreError) {
        var log = stat()
        guard stat(path + "-wal", &log) != 0 || log.st_size == 0 else { throw damaged(path, detail) }
    }

    /// Reads the file from end to end, as it is.
    private static func requireReadable(_ path: String) throws(StoreError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable(path, systemMessage(errno)) }
        var information = stat()
        guard fstat(file, &information) == 0 else {
            defer { Glibc.close(file) }
            throw unreadable(path, systemMessage(errno))
        }
        defer { DatabaseDescriptors.close(file, of: DatabaseDescriptors.File(information)) }
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(file, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, systemMessage(errno)) }
            guard count > 0 else { return }
        }
    }

    private static func inspect(
        _ path: String,
        keyHash: KeyHash,
        isChecked: Bool,
        isReadOnly: Bool
    ) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        // After a crash, another reader of the file, such as a backup, may be rebuilding the WAL index.
        configuration.busyMode = .timeout(5)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }
        try queue.read { database in
            let applicationID = try Int32.fetchOne(database, sql: "PRAGMA application_id")
            guard applicationID == Schema.applicationID else {
                // A file whose creation was cut short has no table, or only the one that GRDB makes before ours.
                let tables =
                    try Int.fetchOne(
                        database,
                        sql: "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'grdb_migrations'"
                    ) ?? 0
                guard tables > 0 else { return }
                throw StoreError(
                    .notAStore,
                    "\(path) is the database of something else; name another file for the store"
                )
            }
            try requireKnownSchema(of: database, path: path)
            if isChecked {
                let verdict = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "no answer"
                guard verdict == "ok" else {
                    throw isUnreadable(verdict) ? unreadable(path, verdict) : damaged(path, verdict)
                }
            }
            guard try StoreCopy.backupTime(database) == nil else {
                throw StoreError(
                    .isBackup,
                    "\(path) is a backup, not a store: its tokens and tenures are those of another time; restore it with leased --restore \(path)"
                )
            }
            try requireHash(keyHash.name, in: database, path: path)
        }
        return queue
    }

    /// Requires that no newer release has made or migrated the file.
    static func requireKnownSchema(of database: Database, path: String) throws {
        guard try Schema.migrator.hasBeenSuperseded(database) else { return }
        throw StoreError(
            .newerSchema,
            "the store \(path) is of a newer release; run that release, or restore a backup"
        )
    }

    /// Requires that the file's keys were hashed by the function with this name.
    static func requireHash(_ expected: String, in database: Database, path: String) throws {
        let name = try String.fetchOne(
            database,
            sql: "SELECT value FROM meta WHERE name = ?",
            arguments: [Meta.keyHash]
        )
        guard name == nil || name == expected else {
            throw StoreError(
                .hashChanged,
                "HASHCHANGED the store \(path) was made with the key hash '\(name ?? "")', not '\(expected)'; open it with that one"
            )
        }
    }

    /// Files up to this size are checked entirely at each start, larger ones only where they are read.
    private static let checkedSize: Int64 = 64 << 20
}
