import CLinux
import Foundation
import GRDB
import Glibc
import LeaseCore

/// The store's file: opened, checked and set up so that a COMMIT is a promise.
///
/// The order protects a file that is not ours. First, a lock file beside it and a lock on the file itself, which may
/// have other names, so that only one process continues. Then an inspection through a read-only connection: is it a
/// database, ours, undamaged, of a known release? Only then the writer, the migrations, and a check that the settings
/// on which durability rests are in force: GRDB's WAL mode sets `synchronous` to NORMAL after `prepareDatabase`, which
/// would lose granted leases in a power loss.
///
/// The writer never checkpoints inside COMMIT (`wal_autocheckpoint = 0`), which would stall a turn for milliseconds. A
/// ``Checkpointer`` does it on another connection.
final class StoreFile {
    /// The file, by its absolute path.
    let path: String
    /// Whether the file was missing and has been created.
    let isNew: Bool
    let pool: DatabasePool
    private let checkpointer: Checkpointer
    let snapshot: KeptSnapshot
    private let walRoom: WALRoom
    private let walIndexRoom = WALIndexRoom()
    /// The lock beside the file, taken before the file exists.
    private var lock: FileLock?
    /// The lock on the file itself, whatever name it is opened by.
    private var ownLock: FileLock?
    /// The closed connection that inspected the file.
    ///
    /// Kept because libdispatch frees a queue on a thread of its shared pool, and wakes every second once that has one.
    private var inspection: DatabaseQueue?

    init(path: String, keyHash: KeyHash, walFrames: Int32) throws(StoreError) {
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
                // The cache size is in KiB, as it is negative: the writer reads and writes values, and the journal
                // needs a few pages. FAST overwrites deleted content where that writes no additional page. Debian's
                // library by default also fills freed pages with zeros, so that removing history would write as much as
                // it removes.
                try database.execute(
                    sql: "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA secure_delete = FAST"
                )
                try Self.requireDurability(of: database)
            }
            try Schema.migrator.migrate(pool)
            let checkpointer = try Checkpointer(path: path, threshold: walFrames)
            (snapshot, walRoom) = try pool.writeWithoutTransaction { database in
                try Self.requireDurability(of: database)
                checkpointer.observe(database)
                let walRoom = WALRoom(frames: checkpointer.threshold, pageSize: try database.pageSize())
                return (try KeptSnapshot(on: database), walRoom)
            }
            self.checkpointer = checkpointer
        } catch {
            throw Self.translate(error, path: path)
        }
    }

    /// Closes all connections and releases the locks.
    ///
    /// The last connection to close checkpoints the rest of the WAL and removes it.
    func close() throws(StoreError) {
        do {
            pool.writeWithoutTransaction { _ in snapshot.finalize() }
            // The writer first: its WAL hook points to the checkpointer.
            try pool.close()
            try checkpointer.close()
            ownLock = nil
            lock = nil
        } catch {
            throw Self.translate(error, path: path)
        }
    }

    /// Runs `body` on the writer's connection, on the calling thread; unlike GRDB's method, it keeps the error's type.
    func write<Value>(_ body: (Database) throws(CommitFailure) -> Value) throws(CommitFailure) -> Value {
        let result: Result<Value, CommitFailure> = pool.writeWithoutTransaction { database in
            snapshot.begin()
            let result = Result { () throws(CommitFailure) in try body(database) }
            if case .failure = result { snapshot.end() }
            return result
        }
        return try result.get()
    }

    /// Maintains the WAL between two commits: reserves space, and checkpoints.
    ///
    /// - Throws: ``CommitFailure/unknown(_:)`` if a sync failed, here or beside the writer.
    func tendWAL() throws(CommitFailure) {
        let frames = checkpointer.walFrames
        if walRoom.isDue(frames: frames) {
            pool.writeWithoutTransaction { walRoom.extend(on: $0, frames: frames) }
        }
        if walIndexRoom.isDue(frames: frames) {
            pool.writeWithoutTransaction { walIndexRoom.extend(on: $0, frames: frames) }
        }
        if checkpointer.isWALLong { try checkpointWAL(checkpointer.tendWAL) }
        if let code = checkpointer.failedSyncCode {
            throw .unknown(Self.syncFailed(path, DatabaseError(resultCode: ResultCode(rawValue: code))))
        }
    }

    /// Whether the WAL is so long that no read may begin beside another.
    var isWALOverlong: Bool { checkpointer.isWALOverlong }

    /// Checkpoints all of the WAL that no reader holds back.
    ///
    /// - Throws: ``CommitFailure/unknown(_:)`` if a sync failed.
    func checkpointWAL() throws(CommitFailure) {
        try checkpointWAL(checkpointer.carryOver)
    }

    private func checkpointWAL(_ step: (Database) throws -> Void) throws(CommitFailure) {
        try write { database throws(CommitFailure) in
            snapshot.end()
            do {
                try step(database)
            } catch {
                // A refused checkpoint is tried again later; a failed sync is not.
                guard (error as? DatabaseError)?.extendedResultCode == .SQLITE_IOERR_FSYNC else { return }
                throw .unknown(Self.syncFailed(path, error))
            }
        }
    }

    // MARK: - Opening

    /// Creates an empty file with mode 0600: SQLite gives its WAL the file's mode.
    ///
    /// Does not create the target of a dangling link.
    private static func makeFile(_ path: String) throws(StoreError) {
        let descriptor = clinux_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(.cannotCreate, "the store \(path) cannot be made: \(systemMessage(errno))")
        }
        _ = Glibc.close(descriptor)
    }

    /// How many snapshots can be read at once.
    static let readers = 8

    private static func writerConfiguration() -> Configuration {
        var configuration = Configuration()
        configuration.label = "leased.store"
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = readers
        // A batch that writes values keeps its transaction open from one request to the next, until its commit.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY")
        }
        return configuration
    }

    private static func requireDurability(of database: Database) throws {
        for (pragma, expected) in [("synchronous", "2"), ("journal_mode", "wal"), ("wal_autocheckpoint", "0")] {
            // A pragma answers with a number or a text; both can be read as text.
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
}
