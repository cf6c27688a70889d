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
    let insertEntry: HeldStatement
    let selectEntries: HeldStatement
    let deleteEntry: HeldStatement
    let ping: HeldStatement
    let table: LeaseTable
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
        insertEntry = try HeldStatement(JournalEntry.insertion, on: database)
        selectEntries = try HeldStatement(JournalEntry.selection, on: database)
        deleteEntry = try HeldStatement("DELETE FROM lease_journal WHERE seq = ?", on: database)
        ping = try HeldStatement("SELECT value FROM meta WHERE name = '\(Meta.foldedThrough)'", on: database)
        table = try LeaseTable(on: database, keyHash: keyHash)
    }

    func finalize() {
        for statement in [begin, commit, rollback, insertEntry, selectEntries, deleteEntry, ping] {
            statement.finalize()
        }
        table.finalize()
    }

    /// Runs `body` in one transaction and commits it.
    ///
    /// An error before COMMIT, or of COMMIT before its sync, leaves nothing behind. SQLite writes the log first and syncs
    /// it last (wal.c), and tells the two apart: SQLITE_FULL and SQLITE_IOERR_WRITE come from the writing,
    /// SQLITE_IOERR_FSYNC from the sync. Last, after the sync, it enters the frames into the log's index, and to find no
    /// room or memory for that (SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMMAP, SQLITE_NOMEM) comes too late for a refusal: a
    /// start would find the rows. Whatever else COMMIT may say is taken for unknown too.
    func transaction(_ body: () throws -> Void) throws(CommitFailure) {
        do {
            try begin.run()
            try body()
        } catch {
            try rollBack(after: error)
        }
        do {
            try commit.run()
        } catch {
            guard Self.isBeforeSync(error) else { throw unknown(error) }
            try rollBack(after: error)
        }
    }

    private func rollBack(after error: any Error) throws(CommitFailure) {
        // SQLite may have rolled back by itself (lang_transaction.html, "Response To Errors Within A Transaction").
        if sqlite3_get_autocommit(connection) == 0 {
            do {
                try rollback.run()
            } catch {
                throw unknown(error)
            }
        }
        // A sync can come before COMMIT, when the log begins anew; its failure is no less a failed sync.
        if let error = error as? DatabaseError, Self.isSync(error) {
            throw unknown(error)
        }
        let cause = StoreFile.translate(error, path: path)
        throw .refused(LeaseError(.ioError, "\(cause.message); nothing was done, try again"))
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
