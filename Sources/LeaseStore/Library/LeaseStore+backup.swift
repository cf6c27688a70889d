import CLinux
import GRDB
import Glibc
import LeaseCore

extension LeaseStore {
    /// Makes a backup of a store's file, which this or another process may have open.
    ///
    /// The backup is the store as of one commit, in one file with mode 0600. It is marked as a backup: no store opens
    /// it, and only ``restore(_:to:minimumToken:keyHash:clock:)`` puts it back. It is made in a folder beside `file`
    /// and moved into place once it is complete and on disk, so `file` is never half a backup. A process that has the
    /// store open continues; its WAL grows until the copy is made.
    ///
    /// Blocks while the file is copied.
    ///
    /// - Parameters:
    ///   - path: The store's file, which must be readable.
    ///   - file: The path of the backup.
    ///   - replacing: Whether an existing file may be replaced.
    ///   - progress: Called from time to time with the number of pages copied and their total.
    /// - Throws: ``StoreError``: ``StoreError/Code/missing`` if there is no store, ``StoreError/Code/exists`` if a file
    ///   is in the way, or why it cannot be read or written. `file` is then as it was, unless the error says that its
    ///   folder could not be synced: then the backup is there, but a power loss may undo that.
    public static func backup(
        of path: String,
        to file: String,
        replacing: Bool = false,
        progress: (_ copied: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(StoreError) {
        let clock = try SystemLeaseClock()
        let store = try StoreCopy(of: path)
        defer { store.close() }
        try requireTarget(file, over: path, replacing: replacing)
        let work = try WorkFolder(beside: file, purpose: "partial")
        try store.write(to: work.file, progress: progress)
        do {
            let copy = try DatabaseQueue(path: work.file)
            try copy.write { try Ledger.set(Meta.backup, clock.now().wall.microseconds, in: $0) }
            try copy.close()
        } catch {
            throw StoreFile.translate(error, path: work.file)
        }
        try work.seal(owner: nil)
        try work.moveIntoPlace(replacing: replacing)
    }

    private static func requireTarget(_ file: String, over path: String, replacing: Bool) throws(StoreError) {
        // The lock, and what SQLite keeps beside the store, belong to the store, whether they exist or not.
        let own = resolvedPath(path)
        for suffix in ["-wal", "-shm", "-journal", ".lock"] where resolvedPath(file) == own + suffix {
            throw StoreError(.exists, "\(file) is the store's own; name another file for the backup")
        }
        if let log = StoreCopy.log(beside: file) {
            // SQLite would take it for the backup's, whatever made it.
            throw StoreError(.exists, "\(log) is there already; move it away, or name another file for the backup")
        }
        var (present, store) = (stat(), stat())
        guard lstat(file, &present) == 0 else { return }
        guard replacing else { throw .isThere(file) }
        guard present.st_mode & S_IFMT == S_IFREG else {
            throw StoreError(.exists, "\(file) is no regular file; name another one for the backup")
        }
        if stat(path, &store) == 0, store.st_ino == present.st_ino, store.st_dev == present.st_dev {
            throw StoreError(.exists, "\(file) is the store itself; name another file for the backup")
        }
        do throws(FileLock.Failure) {
            _ = try FileLock(of: file)
        } catch .held {
            throw StoreError(.exists, "\(file) is a store in use; name another file for the backup")
        } catch {
            // A file that may not be read is not an open store of this user's, and is replaced.
        }
    }
}
