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
    private let walRoom: WALRoom
    private let walIndexRoom = WALIndexRoom()
    /// The lock beside the file, which is there before it.
    private var lock: FileLock?
    /// The file's own, by whatever name it is opened.
    private var ownLock: FileLock?
    /// The closed connection by which the file was looked at first.
    ///
    /// Kept since libdispatch frees a queue on a thread of its shared pool, and wakes every second once that has one.
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

    /// Whether the log is so long that no read may begin beside another.
    var isWALOverlong: Bool { checkpointer.isWALOverlong }

    /// Carries all of the log over that no reader holds back.
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
                // What was refused is tried again later; a failed sync is not.
                guard (error as? DatabaseError)?.extendedResultCode == .SQLITE_IOERR_FSYNC else { return }
                throw .unknown(Self.syncFailed(path, error))
            }
        }
    }

    // MARK: - Opening

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
}
