import CLinux
import GRDB
import Glibc
import LeaseCore

extension LeaseStore {
    /// Makes a backup of a store's file, which may be in use, by this process or another.
    ///
    /// The backup is the store as of one commit, in one file with mode 0600, marked as a backup: no store opens it, and
    /// ``restore(_:to:minimumToken:keyHash:clock:)`` alone puts it back. It is made in a folder beside `file` and moved
    /// into place when it is whole and on disk, so that `file` is never half of one. Whoever has the store open goes
    /// on; its log grows until the copy is made.
    ///
    /// Blocks, for as long as copying the file takes.
    ///
    /// - Parameters:
    ///   - path: The store's file, which must be readable.
    ///   - file: Where the backup is to be.
    ///   - replacing: Whether a file that is there may be replaced.
    ///   - progress: Called now and then with how many pages are copied, and how many there are.
    /// - Throws: ``StoreError``: ``StoreError/Code/missing`` if there is no store, ``StoreError/Code/exists`` if a file is
    ///   in the way, or why it cannot be read or written. `file` is then as it was, unless the error says that its
    ///   folder could not be synced: then the backup is there, and a power loss may undo that.
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
        // What SQLite keeps beside the store, and the lock, are the store as much as its file is, there or not.
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
            // One that may not be read is no open store of this user's, and replaced all the same.
        }
    }
}
