import CLinux
import GRDB
import Glibc
import LeaseCore

/// What a backup says about itself, read before anything is changed.
struct BackupFacts {
    /// When it was made.
    let time: WallInstant
    /// The last token that it knows.
    let lastToken: Token?

    /// Reads a file that must be a backup of a store with this key hash.
    init(of backup: StoreCopy, keyHash: KeyHash) throws(StoreError) {
        let path = backup.path
        self = try backup.read { database in
            guard let time = try StoreCopy.backupTime(database) else {
                throw StoreError(.notABackup, "\(path) is a store, not a backup; make backups with leasectl backup")
            }
            try StoreFile.requireHash(keyHash.name, in: database, path: path)
            return BackupFacts(time: time, lastToken: try StoreCopy.lastToken(database))
        }
    }

    private init(time: WallInstant, lastToken: Token?) {
        self.time = time
        self.lastToken = lastToken
    }

    /// Requires a minimum if the backup's last token is ahead of the wall clock, and none that is too high.
    func requireMinimum(_ minimum: Token?, now: Moment) throws(StoreError) {
        if let minimum, minimum.rawValue > EntryLease.highestToken {
            throw StoreError(
                .tokensAhead,
                "the token \(minimum) is above \(EntryLease.highestToken), the highest minimum"
            )
        }
        guard let lastToken, lastToken.rawValue > now.wall.microseconds, minimum == nil else { return }
        throw StoreError(
            .tokensAhead,
            "the backup's last token \(lastToken) is ahead of the wall clock, so that later ones may be, too: say with --min-token which token the store is to go on after, at least the highest that any resource has seen"
        )
    }
}

/// A copy of a backup that is being made into a store.
struct Restoration {
    struct Result {
        let kept: Int
        let dropped: Int
        let expired: Int
        let lastToken: Token
    }

    private let path: String
    private let keyHash: KeyHash
    private let tenures: [Tenure]

    /// Checks the copy completely, removes its mark, and migrates it to this release's schema.
    ///
    /// - Parameter backup: The backup's name, for messages.
    init(_ path: String, of backup: String, keyHash: KeyHash) throws(StoreError) {
        self.path = path
        self.keyHash = keyHash
        do {
            let queue = try DatabaseQueue(path: path)
            try queue.write { database in
                let verdict = try String.fetchOne(database, sql: "PRAGMA integrity_check(1)") ?? "no answer"
                guard verdict == "ok" else {
                    // The first line names the database, the last what is wrong.
                    let detail = verdict.split(separator: "\n").last.map { String($0) } ?? verdict
                    throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: detail)
                }
                // Without a boot identity, the deadlines count as those of another boot.
                try database.execute(
                    sql: "DELETE FROM meta WHERE name IN (?, ?)",
                    arguments: [Meta.backup, Meta.bootIdentity]
                )
            }
            try Schema.migrator.migrate(queue)
            tenures = try queue.read { database in
                try StoreReader(database, keyHash: keyHash, limits: .none).leases(LeasePage()).map(\.tenure)
            }
            try queue.close()
        } catch {
            throw StoreCopy.failure(error, path: backup)
        }
    }

    /// Treats the tenures as after a reboot, ends what cannot continue, raises the tokens, then folds and closes the
    /// store.
    func finish(minimumToken: Token?, clock: any LeaseClock) throws(StoreError) -> Result {
        var configuration = LedgerConfiguration()
        configuration.keyHash = keyHash
        // How much of the history is kept is for the daemon to say.
        configuration.historyAge = .seconds(Int64.max / 1_000_000_000)
        configuration.historyRows = .max
        let ledger = try Ledger(path: path, configuration: configuration, clock: clock)
        let result: Result
        do {
            result = try settle(ledger, minimumToken: minimumToken, now: clock.now())
        } catch {
            ledger.abandon()
            throw error.storeError
        }
        try ledger.close()
        // SQLite does not report that the rest of the WAL could not be checkpointed.
        guard access(path + "-wal", F_OK) != 0 else {
            throw StoreError(.ioError, "the log of \(path) could not be carried into it; is the disk full?")
        }
        return result
    }

    private func settle(_ ledger: Ledger, minimumToken: Token?, now: Moment) throws(CommitFailure) -> Result {
        // Opening it counted as a reboot: bound and tied tenures are over, as are their holders.
        let dropped = tenures.count { $0.endsWithItsHolder }
        while ledger.expire(now: now, limit: .max) {}
        let last = ledger.raiseTokens(to: minimumToken, now: now)
        try ledger.commit()
        let kept = ledger.leaseCount
        return Result(kept: kept, dropped: dropped, expired: tenures.count - kept - dropped, lastToken: last)
    }
}

extension Tenure {
    /// Whether the tenure ends with its holder's connection or process tree, of which a restored store cannot know.
    fileprivate var endsWithItsHolder: Bool { attachment != .nothing }
}

extension Ledger {
    /// Makes tokens continue after the highest of the last one, the wall clock and a minimum; returns it.
    fileprivate func raiseTokens(to minimum: Token?, now: Moment) -> Token {
        let wall = min(max(now.wall.microseconds, 1), TokenSequence.highestWallMicroseconds)
        let wallToken = now.wall.microseconds > wall ? nil : Token(rawValue: wall)
        let highest = [tokens.last, wallToken, minimum].compactMap(\.self).max() ?? .min
        if tokens.last.map({ $0 < highest }) ?? true {
            append(.token(highest), now)
        }
        return highest
    }
}
