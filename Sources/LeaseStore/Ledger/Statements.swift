import GRDB
import GRDBSQLite
package import LeaseCore

/// Why a batch was not made durable.
package enum CommitFailure: Error {
    /// The store refused before the sync: nothing of the batch is on disk, and memory is as it was before it.
    case refused(LeaseError)
    /// The sync failed, or an error came that does not tell: what the disk holds is unknown.
    case unknown(StoreError)

    /// The failure as that of the whole store.
    package var storeError: StoreError {
        switch self {
        case .refused(let refusal): StoreError(.ioError, refusal.message)
        case .unknown(let failure): failure
        }
    }
}

/// The writer's held statements, and the transaction around them.
struct Statements {
    let insertEntry: JournalInsertion
    let selectEntries: HeldStatement
    let deleteEntry: HeldStatement
    let selectHistory: HeldStatement
    let selectHistoryRow: HeldStatement
    let deleteHistory: HeldStatement
    let setFoldedThrough: HeldStatement
    let raiseLastToken: HeldStatement
    let ping: HeldStatement
    let savepoint: HeldStatement
    let release: HeldStatement
    let rollBackToSavepoint: HeldStatement
    private let pageCount: HeldStatement
    private let freePageCount: HeldStatement
    private let pageSize: Int64
    let table: LeaseTable
    let store: StoreTables
    private let trackers: TrackerTable
    private let begin: HeldStatement
    private let commit: HeldStatement
    private let rollback: HeldStatement
    private let connection: OpaquePointer
    private let path: String

    init(on database: Database, keyHash: KeyHash) throws {
        guard let connection = database.sqliteConnection else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
        self.connection = connection
        path = String(cString: sqlite3_db_filename(connection, nil))
        begin = try HeldStatement("BEGIN IMMEDIATE", on: database)
        commit = try HeldStatement("COMMIT", on: database)
        rollback = try HeldStatement("ROLLBACK", on: database)
        insertEntry = try JournalInsertion(on: database)
        selectEntries = try HeldStatement(JournalEntry.selection, on: database)
        deleteEntry = try HeldStatement("DELETE FROM lease_journal WHERE seq = ?", on: database)
        selectHistory = try HeldStatement(
            "SELECT seq, at_us FROM lease_journal WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            on: database
        )
        selectHistoryRow = try HeldStatement(
            "SELECT seq FROM lease_journal WHERE seq <= ? ORDER BY seq LIMIT 1 OFFSET ?",
            on: database
        )
        deleteHistory = try HeldStatement("DELETE FROM lease_journal WHERE seq <= ?", on: database)
        setFoldedThrough = try HeldStatement(
            "INSERT INTO meta (name, value) VALUES ('\(Meta.foldedThrough)', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
            on: database
        )
        raiseLastToken = try HeldStatement(
            "INSERT INTO meta (name, value) VALUES ('\(Meta.lastToken)', ?1) ON CONFLICT (name) DO UPDATE SET value = max(value, ?1)",
            on: database
        )
        ping = try HeldStatement("SELECT value FROM meta WHERE name = '\(Meta.foldedThrough)'", on: database)
        savepoint = try HeldStatement("SAVEPOINT part", on: database)
        release = try HeldStatement("RELEASE part", on: database)
        rollBackToSavepoint = try HeldStatement("ROLLBACK TO part", on: database)
        pageCount = try HeldStatement("PRAGMA page_count", on: database)
        freePageCount = try HeldStatement("PRAGMA freelist_count", on: database)
        pageSize = try database.pageSize()
        trackers = try TrackerTable(on: database, keyHash: keyHash)
        table = try LeaseTable(on: database, trackers: trackers)
        store = try StoreTables(on: database, trackers: trackers)
    }

    func finalize() {
        for statement in insertEntry.all + [
            begin, commit, rollback, selectEntries, deleteEntry, ping, pageCount, freePageCount, savepoint, release,
            rollBackToSavepoint, selectHistory, selectHistoryRow, deleteHistory, setFoldedThrough, raiseLastToken,
        ] {
            statement.finalize()
        }
        table.finalize()
        store.finalize()
        trackers.finalize()
    }

    /// How many bytes of the file hold something, as the transaction under way has made it.
    func usedBytes() throws -> Int64 {
        var pages: Int64 = 0
        try pageCount.forEach { pages = $0.integer(0) ?? 0 }
        try freePageCount.forEach { pages -= $0.integer(0) ?? 0 }
        return pages * pageSize
    }

    /// Runs `body` in one transaction and commits it.
    func transaction(_ body: () throws -> Void) throws(CommitFailure) {
        try beginTransaction()
        try step(body)
        try commitTransaction()
    }

    /// Runs `body`, whose commits write the log and do not sync it.
    ///
    /// What they have written is on disk with the next commit that syncs. A power loss before that takes it away and
    /// nothing else, as in SQLite's `synchronous = NORMAL` (sqlite.org/pragma.html#pragma_synchronous). A checkpoint syncs
    /// the log before it copies anything.
    func withoutSync(_ body: () throws(CommitFailure) -> Void) throws(CommitFailure) {
        try step { try setSynchronous("NORMAL") }
        var failure: CommitFailure?
        do throws(CommitFailure) {
            try body()
        } catch {
            failure = error
        }
        do {
            try setSynchronous("FULL")
        } catch {
            // The commits that follow would be no promises.
            throw unknown(error)
        }
        if let failure { throw failure }
    }

    /// Not a held statement: this pragma takes effect when it is compiled.
    private func setSynchronous(_ level: String) throws {
        let code = sqlite3_exec(connection, "PRAGMA synchronous = \(level)", nil, nil, nil)
        guard code == SQLITE_OK else {
            throw DatabaseError(resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)))
        }
    }

    /// Begins a transaction that ``commitTransaction()`` or a failed ``step(_:)`` ends.
    func beginTransaction() throws(CommitFailure) {
        try step { try begin.run() }
    }

    /// Runs `body`; if it throws, what the transaction has done so far is taken back, and the transaction is over.
    func step<Value>(_ body: () throws -> Value) throws(CommitFailure) -> Value {
        do {
            return try body()
        } catch {
            throw rollBack(after: error)
        }
    }

    /// Runs `body`, which reads; a row that no release writes leaves the transaction as it is, any other error ends it
    /// as in ``step(_:)``.
    func look<Value>(_ body: () throws -> Value) throws(CommitFailure) -> Value {
        do {
            return try body()
        } catch let error as MalformedRow {
            throw .refused(LeaseError(.ioError, StoreFile.translate(error, path: path).message))
        } catch {
            throw rollBack(after: error)
        }
    }

    /// Whether a transaction is under way.
    var isInTransaction: Bool { sqlite3_get_autocommit(connection) == 0 }

    /// Makes the transaction durable.
    ///
    /// An error before COMMIT, or of COMMIT before its sync, leaves nothing behind. SQLite writes the log first and syncs
    /// it last (wal.c), and tells the two apart: SQLITE_FULL and SQLITE_IOERR_WRITE come from the writing,
    /// SQLITE_IOERR_FSYNC from the sync. Last, after the sync, it enters the frames into the log's index, and to find no
    /// room or memory for that (SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMMAP, SQLITE_NOMEM) comes too late for a refusal: a
    /// start would find the rows. Whatever else COMMIT may say is taken for unknown too.
    func commitTransaction() throws(CommitFailure) {
        do {
            try commit.run()
        } catch {
            throw Self.isBeforeSync(error) ? rollBack(after: error) : unknown(error)
        }
    }

    /// Takes back what the transaction under way has done, if one is.
    func rollBackTransaction() throws(CommitFailure) {
        guard isInTransaction else { return }
        do {
            try rollback.run()
        } catch {
            throw unknown(error)
        }
    }

    private func rollBack(after error: any Error) -> CommitFailure {
        do throws(CommitFailure) {
            // SQLite may have rolled back by itself (lang_transaction.html, "Response To Errors Within A Transaction").
            try rollBackTransaction()
        } catch {
            return error
        }
        // A sync can come before COMMIT, when the log begins anew; its failure is no less a failed sync.
        if let error = error as? DatabaseError, Self.isSync(error) {
            return unknown(error)
        }
        let cause = StoreFile.translate(error, path: path)
        return .refused(LeaseError(.ioError, "\(cause.message); nothing was done, try again"))
    }

    private func unknown(_ error: any Error) -> CommitFailure {
        .unknown(StoreFile.syncFailed(path, error))
    }

    private static func isBeforeSync(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return false }
        return error.extendedResultCode == .SQLITE_IOERR_WRITE
            || [.SQLITE_FULL, .SQLITE_BUSY].contains(error.resultCode)
    }

    private static func isSync(_ error: DatabaseError) -> Bool {
        [.SQLITE_IOERR_FSYNC, .SQLITE_IOERR_DIR_FSYNC].contains(error.extendedResultCode)
    }
}
