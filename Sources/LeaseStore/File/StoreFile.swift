import CLinux
import Foundation
import GRDB
import Glibc
import LeaseCore

/// The file: opened, checked and set up so that a COMMIT is a promise.
///
/// The order keeps its hands off a file that is not ours. A lock file beside it first, and a lock on the file itself,
/// which may have other names, so that one process alone goes on. Then a look through a read-only connection: is it a
/// database, ours, undamaged, of a release that we know? Only then the writer, the migrations, and a check that the
/// settings which durability rests on are really in force: GRDB's WAL mode sets `synchronous` to NORMAL after
/// `prepareDatabase`, which would lose granted leases at a power loss.
///
/// The writer never checkpoints inside COMMIT (`wal_autocheckpoint = 0`): that would stall a turn for milliseconds. A
/// ``Checkpointer`` does it beside.
final class StoreFile {
    /// The file, by its absolute path.
    let path: String
    /// Whether there was no file, so that it was made.
    let isNew: Bool
    let pool: DatabasePool
    private let checkpointer: Checkpointer
    let snapshot: KeptSnapshot
    private let room: LogRoom
    private let indexRoom = IndexRoom()
    /// The lock beside the file, which is there before it.
    private var lock: FileLock?
    /// The file's own, by whatever name it is opened.
    private var ownLock: FileLock?
    /// The closed connection by which the file was looked at first.
    ///
    /// Kept since libdispatch frees a queue on a thread of its shared pool, and wakes every second once that has one.
    private var inspection: DatabaseQueue?

    init(path: String, keyHash: KeyHash, logFrames: Int32) throws(StoreError) {
        try Self.makeFolder(of: path)
        let path = resolvedPath(path)
        self.path = path
        do {
            lock = try Self.takeLock(beside: path)
            isNew = !FileManager.default.fileExists(atPath: path)
            if !isNew {
                let size = try Self.requireRegularFile(path)
                ownLock = try Self.takeLock(of: path)
                inspection = try Self.inspect(path, size: size, keyHash: keyHash)
            } else {
                try Self.requireNoLog(of: path, "it is missing, and its log is not")
                try Self.makeFile(path)
                ownLock = try Self.takeLock(of: path)
            }
            pool = try DatabasePool(path: path, configuration: Self.writerConfiguration())
            try pool.writeWithoutTransaction { database in
                // Of KiB, as it is negative: values are read and written by the writer, and the journal needs a few
                // pages. Deleted content is overwritten where that writes no page more. Debian's library, by default,
                // also fills pages that have become free with zeros, so that the removal of history writes as much as
                // it removes.
                try database.execute(
                    sql: "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA secure_delete = FAST"
                )
                try Self.requireDurability(of: database)
            }
            try Schema.migrator.migrate(pool)
            let checkpointer = try Checkpointer(path: path, threshold: logFrames)
            (snapshot, room) = try pool.writeWithoutTransaction { database in
                try Self.requireDurability(of: database)
                checkpointer.observe(database)
                let room = LogRoom(frames: checkpointer.threshold, pageSize: try database.pageSize())
                return (try KeptSnapshot(on: database), room)
            }
            self.checkpointer = checkpointer
        } catch {
            throw Self.translate(error, path: path)
        }
    }

    /// Closes all connections and gives the locks back.
    ///
    /// The last one to close carries the rest of the log into the file and removes the log.
    func close() throws(StoreError) {
        do {
            pool.writeWithoutTransaction { _ in snapshot.finalize() }
            // The writer first: the checkpointer's connection is the one that the log's counter points to.
            try pool.close()
            try checkpointer.close()
            ownLock = nil
            lock = nil
        } catch {
            throw Self.translate(error, path: path)
        }
    }

    /// Runs `body` on the writer's connection, on the calling thread; GRDB's own method forgets the error's type.
    func write<Value>(_ body: (Database) throws(CommitFailure) -> Value) throws(CommitFailure) -> Value {
        let result: Result<Value, CommitFailure> = pool.writeWithoutTransaction { database in
            snapshot.begin()
            let result = Result { () throws(CommitFailure) in try body(database) }
            if case .failure = result { snapshot.end() }
            return result
        }
        return try result.get()
    }

    /// Sees to the log between two commits.
    ///
    /// - Throws: ``CommitFailure/unknown(_:)`` if a sync failed beside the writer.
    func tendLog() throws(CommitFailure) {
        let frames = checkpointer.logFrames
        if room.isDue(frames: frames) {
            pool.writeWithoutTransaction { room.extend(on: $0, frames: frames) }
        }
        if indexRoom.isDue(frames: frames) {
            pool.writeWithoutTransaction { indexRoom.extend(on: $0, frames: frames) }
        }
        if checkpointer.isLogLong { try carryLogOver(checkpointer.logHasGrown) }
        if let code = checkpointer.failedSyncCode {
            throw .unknown(Self.syncFailed(path, DatabaseError(resultCode: ResultCode(rawValue: code))))
        }
    }

    /// Whether the log is so long that no read may begin beside another.
    var isLogOverlong: Bool { checkpointer.isLogOverlong }

    /// Carries all of the log over that no reader holds back.
    ///
    /// - Throws: ``CommitFailure/unknown(_:)`` if a sync failed.
    func carryLogOver() throws(CommitFailure) {
        try carryLogOver(checkpointer.carryOver)
    }

    private func carryLogOver(_ step: (Database) throws -> Void) throws(CommitFailure) {
        try write { database throws(CommitFailure) in
            snapshot.end()
            do {
                try step(database)
            } catch {
                // What was refused is tried again later; a failed sync is not.
                guard (error as? DatabaseError)?.extendedResultCode == .SQLITE_IOERR_FSYNC else { return }
                throw .unknown(Self.syncFailed(path, error))
            }
        }
    }

    // MARK: - Before the first write

    static func makeFolder(of path: String) throws(StoreError) {
        let folder = Folder.path(of: path)
        let failure = Folder.make(folder)
        guard failure != 0 else { return }
        throw StoreError(.cannotCreate, "the folder \(folder) of the store cannot be made: \(systemMessage(failure))")
    }

    /// Takes the lock of the store at `path`.
    ///
    /// - Parameter owner: Whom the lock file is given to, or `nil` to leave it as it is.
    static func takeLock(beside path: String, owner: FileOwner? = nil) throws(StoreError) -> FileLock {
        let lockPath = path + ".lock"
        do throws(FileLock.Failure) {
            let lock = try FileLock(path: lockPath)
            if let owner { lock.give(to: owner) }
            return lock
        } catch {
            switch error {
            case .held(let pid):
                let owner = pid.map { "the process with pid \($0)" } ?? "another process"
                throw StoreError(
                    .locked,
                    "the store \(path) is in use by \(owner); stop it first, or name another file"
                )
            case .foreign(let reason):
                throw StoreError(
                    .cannotCreate,
                    "the lock \(lockPath) \(reason); remove it, and keep others from writing to the store's folder"
                )
            case .failed(let call, let number):
                throw StoreError(
                    [EACCES, EPERM, EROFS].contains(number) ? .denied : .cannotCreate,
                    "\(call) of \(lockPath): \(systemMessage(number)); the store's folder must be writable"
                )
            }
        }
    }

    /// Takes the lock of the store's file itself, or `nil` if there is no file at `path`.
    ///
    /// A daemon that knows the file by another name, through a link or a mount, has another lock beside it.
    static func takeLock(ofExisting path: String) throws(StoreError) -> FileLock? {
        FileManager.default.fileExists(atPath: path) ? try takeLock(of: path) : nil
    }

    private static func takeLock(of path: String) throws(StoreError) -> FileLock {
        do throws(FileLock.Failure) {
            return try FileLock(of: path)
        } catch {
            guard case .failed(let call, let number) = error else {
                throw StoreError(
                    .locked,
                    "the store \(path) is in use by a process that knows it by another name; stop that one first, or name another file"
                )
            }
            throw StoreError(.denied, "\(call) of the store \(path): \(systemMessage(number))")
        }
    }

    /// Makes the file empty with mode 0600: SQLite gives its log the mode of the file.
    ///
    /// A link to where nothing is makes no file there.
    private static func makeFile(_ path: String) throws(StoreError) {
        let descriptor = clinux_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(.cannotCreate, "the store \(path) cannot be made: \(systemMessage(errno))")
        }
        _ = Glibc.close(descriptor)
    }

    /// Demands a regular file that may be read and written; returns its size.
    private static func requireRegularFile(_ path: String) throws(StoreError) -> Int {
        guard access(path, R_OK | W_OK) == 0 else {
            throw StoreError(.denied, "the store \(path) may not be read and written: \(systemMessage(errno))")
        }
        var information = stat()
        guard stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            throw StoreError(.notAStore, "\(path) is no regular file; name another one for the store")
        }
        return information.st_size
    }

    /// Looks at an existing file without changing it.
    ///
    /// Returns the connection that it used and has closed, if it used one.
    private static func inspect(_ path: String, size: Int, keyHash: KeyHash) throws -> DatabaseQueue? {
        guard size > 0 else {
            try requireNoLog(of: path, "it is empty, and its log is not")
            return nil
        }
        let isChecked = size <= checkedSize
        do {
            return try inspect(path, keyHash: keyHash, isChecked: isChecked, isReadOnly: true)
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_READONLY_ROLLBACK {
            // A transaction of the time before its log was cut short: a store in the making. What it holds can be seen
            // once SQLite has rolled that back, as it does for whoever opens the file.
            return try inspect(path, keyHash: keyHash, isChecked: isChecked, isReadOnly: false)
        } catch {
            guard translate(error, path: path).code == .damaged else { throw error }
            // SQLite says the same of a page that the disk did not give (SQLITE_IOERR_CORRUPTFS), and the file may be
            // whole.
            try requireReadable(path)
            return try inspect(path, keyHash: keyHash, isChecked: isChecked, isReadOnly: true)
        }
    }

    /// Requires that an empty file, or a missing one, has no log: SQLite would take it for a new database, and remove
    /// the log of what it was.
    private static func requireNoLog(of path: String, _ detail: String) throws(StoreError) {
        var log = stat()
        guard stat(path + "-wal", &log) != 0 || log.st_size == 0 else { throw damaged(path, detail) }
    }

    /// Reads the file from end to end, as it is.
    private static func requireReadable(_ path: String) throws(StoreError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable(path, systemMessage(errno)) }
        defer { Glibc.close(file) }
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
        // Whoever reads the file just now, as a backup does, has its log's index made first after a crash.
        configuration.busyMode = .timeout(5)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }
        try queue.read { database in
            let applicationID = try Int32.fetchOne(database, sql: "PRAGMA application_id")
            guard applicationID == Schema.applicationID else {
                // A file whose making was cut short has no table yet, or only the one that GRDB makes before ours.
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

    /// Up to this size a file is checked whole at each start; a larger one as far as it is read.
    private static let checkedSize: Int64 = 64 << 20

    // MARK: - The writer

    /// How many snapshots can be read at once.
    static let readers = 8

    private static func writerConfiguration() -> Configuration {
        var configuration = Configuration()
        configuration.label = "leased.store"
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = readers
        // A batch that writes values keeps its transaction open from one request to the next, up to its commit.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY")
        }
        return configuration
    }

    private static func requireDurability(of database: Database) throws {
        for (pragma, expected) in [("synchronous", "2"), ("journal_mode", "wal"), ("wal_autocheckpoint", "0")] {
            // A pragma answers a number or a text; a text is what both can be read as.
            let value = try DatabaseValue.fetchOne(database, sql: "PRAGMA \(pragma)").map {
                "\($0.storage.value ?? "")"
            }
            guard value == expected else {
                throw StoreError(
                    .ioError,
                    "SQLite's \(pragma) is \(value ?? "unknown"), not \(expected): leases would not be durable"
                )
            }
        }
    }

    // MARK: - Errors

    static func syncFailed(_ path: String, _ error: any Error) -> StoreError {
        let code = (error as? DatabaseError).map { " (SQLite \($0.extendedResultCode.rawValue))" } ?? ""
        return StoreError(
            .syncFailed,
            "the store \(path): a sync failed\(code); what the disk holds is unknown, and the file decides at the next start",
            underlying: error
        )
    }

    static func damaged(_ path: String, _ detail: String) -> StoreError {
        StoreError(
            .damaged,
            "the store \(path) is damaged (\(detail)); restore a backup, or move the file and its log away to begin anew"
        )
    }

    /// Whether a check could not read a page, which says nothing of what the page holds: it names SQLite's code.
    private static func isUnreadable(_ verdict: String) -> Bool {
        let tails = verdict.split(separator: "error code=").dropFirst()
        let codes = tails.compactMap { Int32($0.prefix(while: \.isNumber)) }
        return codes.contains { ResultCode(rawValue: $0).primaryResultCode == .SQLITE_IOERR }
    }

    private static func unreadable(_ path: String, _ detail: String) -> StoreError {
        StoreError(
            .ioError,
            "the store \(path) cannot be read (\(detail)); the kernel's log tells what is wrong with the disk"
        )
    }

    /// SQLite's error as the store's, with the file named.
    static func translate(_ error: any Error, path: String) -> StoreError {
        switch error {
        case let error as StoreError: return error
        case let error as MalformedRow: return damaged(path, "a row of \(error.table) makes no sense")
        case let failure as CommitFailure: return failure.storeError
        default: break
        }
        guard let error = error as? DatabaseError else {
            return StoreError(.ioError, "the store \(path): \(reason(error))", underlying: error)
        }
        switch error.resultCode {
        case .SQLITE_NOTADB:
            return StoreError(
                .notAStore,
                "\(path) is no SQLite database; name another file for the store",
                underlying: error
            )
        case .SQLITE_CORRUPT:
            return damaged(path, error.message ?? "SQLite says so")
        case .SQLITE_FULL:
            return StoreError(.ioError, "the store \(path): the disk is full; make room", underlying: error)
        case .SQLITE_CANTOPEN:
            return StoreError(
                .cannotCreate,
                "the store \(path) cannot be opened; its folder must be there and writable",
                underlying: error
            )
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            return StoreError(.denied, "the store \(path) may not be written", underlying: error)
        case .SQLITE_MISUSE:
            // What GRDB says of a connection that it has closed.
            return StoreError(.closed, "the store \(path) has been closed; open it again", underlying: error)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return StoreError(
                .locked,
                "the store \(path) is in use by another program; close it first",
                underlying: error
            )
        default:
            return StoreError(
                .ioError,
                "the store \(path): \(error.message ?? "") (SQLite \(error.extendedResultCode.rawValue))",
                underlying: error
            )
        }
    }

    private static func reason(_ error: any Error) -> String {
        (error as NSError).localizedDescription
    }
}

/// The names in the table `meta`.
enum Meta {
    /// The last journal row whose effect the tables hold.
    static let foldedThrough = "folded_through"
    /// The highest token issued up to that row.
    static let lastToken = "last_token"
    /// The boot whose clock the deadlines are on.
    static let bootIdentity = "boot_identity"
    /// The name of the function that hashes keys.
    static let keyHash = "key_hash"
    /// When the file was made as a backup, in microseconds since 1970; a store has none.
    static let backup = "backup_us"
}
