import GRDB
import GRDBSQLite
package import LeaseCore

/// Why a batch was not made durable.
package enum CommitFailure: Error {
    /// The store refused before the sync: nothing of the batch is on disk, and memory is as it was before the batch.
    case refused(LeaseError)
    /// The sync failed, or the error leaves it open: what the disk holds is unknown.
    case unknown(StoreError)

    /// The failure as a store error.
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
    private let held: HeldStatements
    private let connection: OpaquePointer
    private let path: String

    init(on database: Database, keyHash: KeyHash) throws {
        guard let connection = database.sqliteConnection else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
        self.connection = connection
        path = String(cString: sqlite3_db_filename(connection, nil))
        held = HeldStatements(on: database)
        begin = try held.prepare("BEGIN IMMEDIATE")
        commit = try held.prepare("COMMIT")
        rollback = try held.prepare("ROLLBACK")
        insertEntry = try JournalInsertion(held)
        selectEntries = try held.prepare(JournalEntry.selection)
        deleteEntry = try held.prepare("DELETE FROM lease_journal WHERE seq = ?")
        selectHistory = try held.prepare(
            "SELECT seq, at_us FROM lease_journal WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        )
        selectHistoryRow = try held.prepare(
            "SELECT seq FROM lease_journal WHERE seq <= ? ORDER BY seq LIMIT 1 OFFSET ?"
        )
        deleteHistory = try held.prepare("DELETE FROM lease_journal WHERE seq <= ?")
        setFoldedThrough = try held.prepare(
            "INSERT INTO meta (name, value) VALUES ('\(Meta.foldedThrough)', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1"
        )
        raiseLastToken = try held.prepare(
            "INSERT INTO meta (name, value) VALUES ('\(Meta.lastToken)', ?1) ON CONFLICT (name) DO UPDATE SET value = max(value, ?1)"
        )
        ping = try held.prepare("SELECT value FROM meta WHERE name = '\(Meta.foldedThrough)'")
        savepoint = try held.prepare("SAVEPOINT part")
        release = try held.prepare("RELEASE part")
        rollBackToSavepoint = try held.prepare("ROLLBACK TO part")
        pageCount = try held.prepare("PRAGMA page_count")
        freePageCount = try held.prepare("PRAGMA freelist_count")
        pageSize = try database.pageSize()
        trackers = try TrackerTable(held, keyHash: keyHash)
        table = try LeaseTable(held, trackers: trackers)
        store = try StoreTables(held, trackers: trackers)
    }

    /// Frees all statements, so that their connection can be closed.
    func finalize() {
        held.finalize()
    }

    /// How many bytes of the file are in use, as the current transaction has left it.
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

    /// Runs `body`, whose commits write the WAL without syncing it.
    ///
    /// The next commit that syncs makes them durable. A power loss before that undoes them and nothing else, as in
    /// SQLite's `synchronous = NORMAL` (sqlite.org/pragma.html#pragma_synchronous). A checkpoint syncs the WAL before
    /// it copies anything.
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
            // The following commits would not be durable.
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

    /// Runs `body`; if it throws, rolls the transaction back.
    func step<Value>(_ body: () throws -> Value) throws(CommitFailure) -> Value {
        do {
            return try body()
        } catch {
            throw rollBack(after: error)
        }
    }

    /// Runs `body`, which reads; a malformed row leaves the transaction as it is, and any other error ends it as in
    /// ``step(_:)``.
    func look<Value>(_ body: () throws -> Value) throws(CommitFailure) -> Value {
        do {
            return try body()
        } catch let error as MalformedRow {
            throw .refused(LeaseError(.ioError, StoreFile.translate(error, path: path).message))
        } catch {
            throw rollBack(after: error)
        }
    }

    var isInTransaction: Bool { sqlite3_get_autocommit(connection) == 0 }

    /// Makes the transaction durable.
    ///
    /// An error before COMMIT, or in COMMIT before its sync, leaves nothing behind. SQLite writes the WAL first and
    /// syncs it last (wal.c): SQLITE_BUSY, SQLITE_FULL and SQLITE_IOERR_WRITE come before the sync, SQLITE_IOERR_FSYNC
    /// from it. Then SQLite enters the frames into the WAL index. A lack of space or memory there
    /// (SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMMAP, SQLITE_NOMEM) comes too late for a refusal: a start would find the
    /// rows. Every other error of COMMIT also counts as unknown.
    func commitTransaction() throws(CommitFailure) {
        do {
            try commit.run()
        } catch {
            throw Self.isBeforeSync(error) ? rollBack(after: error) : unknown(error)
        }
    }

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
        // SQLite can also sync before COMMIT, when the WAL restarts; a failure there is a failed sync, too.
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
