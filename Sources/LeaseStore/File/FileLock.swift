import CLinux
import Glibc

/// A lock file that this process owns while the value lives: flock(2), exclusive, without waiting.
///
/// The file lies beside what it guards: SQLite's own fcntl locks are dropped by any close of the database in the
/// process, and a socket's path cannot be locked. It holds its owner's pid, for the error message of a second process,
/// and is never removed: a removed lock file can be locked twice. A thing with several names, such as a link, has
/// several such files; ``init(of:)`` locks the thing itself.
package struct FileLock: ~Copyable {
    /// Why a lock could not be taken.
    package enum Failure: Error {
        /// Another process holds it; its pid, if the file tells.
        case held(by: Int32?)
        /// The file was not made for this: what it is, in words that follow its name.
        case foreign(String)
        /// A system call failed.
        case failed(call: String, errno: Int32)
    }

    /// The lock file.
    package let path: String
    private let descriptor: Int32
    /// The database, if a database itself is locked.
    private let database: DatabaseDescriptors.File?

    /// Takes the lock, creating its file with mode 0600 if it is missing.
    ///
    /// Others may have put something else into a folder that they may write to. Anything but a regular file with this
    /// one name, owned by this user or root, is left as it is; root also accepts files of other users, whose stores it
    /// restores.
    package init(path: String) throws(Failure) {
        let descriptor = clinux_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .failed(call: "open", errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            defer { close(descriptor) }
            throw reason == EWOULDBLOCK ? .held(by: Self.pid(in: descriptor)) : .failed(call: "flock", errno: reason)
        }
        if let reason = Self.foreignness(of: descriptor) {
            close(descriptor)
            throw .foreign(reason)
        }
        let pid = Array("\(getpid())\n".utf8)
        // The pid is for people; a full disk must not prevent the locking.
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, pid, pid.count, 0)
        self.path = path
        self.descriptor = descriptor
        database = nil
    }

    /// Takes the lock of a database itself, and leaves its content alone.
    ///
    /// The lock holds whatever name the file is reached by. It must be taken before SQLite opens the file and released
    /// after SQLite has closed it (``DatabaseDescriptors``).
    package init(of path: String) throws(Failure) {
        if let file = DatabaseDescriptors.File(at: path), DatabaseDescriptors.isLocked(file) {
            throw .held(by: getpid())
        }
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw .failed(call: "open", errno: errno) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else {
            defer { close(descriptor) }
            throw .failed(call: "fstat", errno: errno)
        }
        let file = DatabaseDescriptors.File(information)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            DatabaseDescriptors.close(descriptor, of: file)
            throw reason == EWOULDBLOCK ? .held(by: nil) : .failed(call: "flock", errno: reason)
        }
        DatabaseDescriptors.noteLock(file)
        self.path = path
        self.descriptor = descriptor
        database = file
    }

    deinit {
        if let database { return DatabaseDescriptors.unlock(database, descriptor) }
        // A child between fork and exec has a copy of the descriptor, and a lock lives as long as any copy.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Gives the lock file to the user that will take the lock later.
    ///
    /// If that fails, that user is then told that it may not, and the file's name.
    func give(to owner: FileOwner) {
        _ = fchown(descriptor, owner.uid, owner.gid)
    }

    private static func foreignness(of descriptor: Int32) -> String? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return "cannot be looked at" }
        guard status.st_mode & S_IFMT == S_IFREG else { return "is no regular file" }
        guard status.st_nlink == 1 else { return "has \(status.st_nlink) names" }
        let user = geteuid()
        guard user == 0 || [0, user].contains(status.st_uid) else { return "belongs to uid \(status.st_uid)" }
        return nil
    }

    private static func pid(in descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return Int32(String(decoding: bytes.prefix { $0 != 0x0A }.prefix(max(count, 0)), as: UTF8.self))
    }
}

/// What errno means, in the C library's words.
package func systemMessage(_ number: Int32) -> String {
    String(cString: strerror(number))
}
