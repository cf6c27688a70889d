import CLinux
import GRDB
import Glibc
public import LeaseCore

/// What ``LeaseStore/restore(_:to:minimumToken:keyHash:clock:)`` did.
public struct RestoreReport: Sendable {
    /// When the backup was made.
    public let backupTime: WallInstant
    /// How many tenures continue, each with the time that the wall clock leaves it.
    public let tenuresKept: Int
    /// How many bound or tied tenures ended, since their holders' connections are gone.
    public let tenuresDropped: Int
    /// How many tenures had expired.
    public let tenuresExpired: Int
    /// The last token that the backup knew, or `nil` if it had issued none.
    public let lastTokenOfBackup: Token?
    /// The token after which the restored store continues.
    public let lastToken: Token
    /// Where the old store is kept, or what was left of one beside a missing file; `nil` if there was nothing.
    public let replaced: String?
}

extension LeaseStore {
    /// Restores a backup as the store at `path`.
    ///
    /// The backup is checked completely before anything changes. A copy is prepared in a folder beside `path`: bound
    /// and tied tenures end, the time left of the others is taken from the wall clock as after a reboot, and the last
    /// token becomes the highest of the backup's, the old store's if it can be read, the wall clock in microseconds,
    /// and `minimumToken`. One rename then puts the copy in the store's place. The old store is kept beside it, as
    /// `PATH.before-restore-TIME`. A crash at any instant leaves at `path` the old store or the restored one, whole;
    /// only an old store whose WAL cannot be checkpointed, as on a full disk, may then be whole under its other name
    /// alone. The backup stays as it is.
    ///
    /// As root, the restored file is given to the owner of the old store, else of the folder.
    ///
    /// Blocks while copying and checking.
    ///
    /// - Parameters:
    ///   - file: The backup, made by ``backup(of:to:replacing:progress:)``.
    ///   - path: The path of the store. Nobody may have it open.
    ///   - minimumToken: A token after which the restored store must continue, at most
    ///     `EntryLease.highestToken`. Required if the backup's last token is ahead of the wall clock:
    ///     tokens issued after the backup may then be ahead as well, and only a person can know how far.
    ///   - keyHash: The function that the store's keys were hashed by.
    ///   - clock: The clock, or `nil` for the machine's clocks.
    /// - Throws: ``StoreError``: ``StoreError/Code/locked`` if the store is in use, ``StoreError/Code/notABackup``,
    ///   ``StoreError/Code/hashChanged`` if its keys were hashed by another function, ``StoreError/Code/damaged``,
    ///   ``StoreError/Code/tokensAhead`` if `minimumToken` is required or too high.
    public static func restore(
        _ file: String,
        to path: String,
        minimumToken: Token? = nil,
        keyHash: KeyHash = .xxh64,
        clock: (any LeaseClock)? = nil
    ) throws(StoreError) -> RestoreReport {
        let clock: any LeaseClock = if let clock { clock } else { try SystemLeaseClock() }
        try requireNoLink(at: path)
        try StoreFile.makeFolder(of: path)
        let lock = try StoreFile.takeLock(beside: path, owner: FileOwner.ofStore(at: path))
        let ownLock = try StoreFile.takeLock(ofExisting: path)
        defer { _ = (lock.path, ownLock == nil) }
        if let log = StoreCopy.log(beside: file) {
            throw StoreError(
                .damaged,
                "a backup is one file, and beside \(file) is \(log), which SQLite would take for its log; move that away if it is another file's; nothing was done"
            )
        }
        let backup = try StoreCopy(of: file)
        defer { backup.close() }
        let facts = try BackupFacts(of: backup, keyHash: keyHash)
        try backup.requireWhole()
        try facts.requireMinimum(minimumToken, now: clock.now())
        let work = try WorkFolder(beside: path, purpose: "restoring")
        try backup.write(to: work.file) { _, _ in }
        let restoration = try Restoration(work.file, of: file, keyHash: keyHash)
        // Only now that all of the backup is checked: reading the store leaves a WAL index beside it.
        let result = try restoration.finish(
            minimumToken: [minimumToken, lastToken(ofStoreAt: path)].compactMap(\.self).max(),
            clock: clock
        )
        try work.seal(owner: FileOwner.ofStore(at: path))
        let replaced = try ReplacedStore.setAside(path, at: clock.now().wall)
        try work.moveIntoPlace(replacing: true)
        return RestoreReport(
            backupTime: facts.time,
            tenuresKept: result.kept,
            tenuresDropped: result.dropped,
            tenuresExpired: result.expired,
            lastTokenOfBackup: facts.lastToken,
            lastToken: result.lastToken,
            replaced: replaced
        )
    }

    /// The last token of the store that will be replaced, if it can be read.
    ///
    /// If a clock was ahead for a while, it may be above what the backup and the clock tell.
    private static func lastToken(ofStoreAt path: String) -> Token? {
        guard let store = try? StoreCopy(of: path) else { return nil }
        defer { store.close() }
        return (try? store.read { try StoreCopy.lastToken($0) }) ?? nil
    }

    /// Refuses a symbolic link: a rename would replace the link, and the lock would not be that of its target.
    private static func requireNoLink(at path: String) throws(StoreError) {
        var information = stat()
        guard lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFLNK else { return }
        throw StoreError(.cannotCreate, "\(path) is a symbolic link; name the store's file itself")
    }
}
