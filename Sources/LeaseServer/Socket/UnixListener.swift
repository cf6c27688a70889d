internal import CLinux
internal import Glibc
internal import LeaseStore

/// The socket that the daemon listens on, and the right to its path.
///
/// The path belongs to the holder of the lock on `PATH.lock`, for as long as this object lives. The lock is taken
/// before the path is probed: without it, two daemons that start at once could each take the other's new socket for a
/// dead one and delete it. Under the lock a dead daemon's socket is replaced. A live socket, even that of a program
/// that knows no lock, and anything that is not a socket, are never touched.
///
/// The socket gets its group and permissions before it listens, so that nobody connects who may not. The umask sets the
/// permissions at bind. Group and mode are changed afterwards only if the path is still a socket of this process's user
/// with a single link: in a folder that others can write to, somebody could have swapped it.
///
/// ```
///   folder ──► lock ──► probe ──► unlink a dead socket ──► umask, bind ──► chown, chmod ──► listen
/// ```
package final class UnixListener: Sendable {
    /// The socket's path; `nil` if the service manager passed the socket.
    package let path: String?

    /// The listening socket, close-on-exec.
    ///
    /// It belongs to the service that serves on it, and is not closed here.
    package let descriptor: Int32

    /// How many connections may wait to be accepted; the service calls listen(2) with it again.
    package let backlog: Int32

    /// The default of ``backlog``, as in the socket unit.
    package static let usualBacklog: Int32 = 1024

    private let identity: FileIdentity?
    private let lock: PathLock?

    /// Makes the socket and listens on it.
    ///
    /// The calls may block for as long as the file system does.
    ///
    /// - Parameters:
    ///   - path: where; at most 107 bytes.
    ///   - mode: the socket's permissions.
    ///   - group: the socket's group by number, or `nil` for the process's own.
    ///   - folderMode: the permissions of folders that are made: 0755, or 0700 for a user's own daemon.
    ///   - backlog: how many connections may wait to be accepted.
    /// - Throws: ``ListenError``; what was at the path is still there, unless it was a dead daemon's socket.
    package init(
        path: String,
        mode: UInt32 = 0o660,
        group: UInt32? = nil,
        folderMode: UInt32 = 0o755,
        backlog: Int32 = UnixListener.usualBacklog
    ) throws(ListenError) {
        let address = try UnixAddress(path: path)
        try SocketFolder.make(for: path, mode: folderMode)
        let lock = try PathLock(path: path)
        switch try SocketProbe.look(at: path, address) {
        case .free: break
        case .dead:
            guard unlink(path) == 0 || errno == ENOENT else {
                throw ListenError(.cannotCreate, "cannot replace the dead socket \(path)", errorNumber: errno)
            }
        case .alive(let process):
            let who = process.map { "process \($0)" } ?? "another process"
            throw ListenError(.inUse, "\(who) listens on \(path) already; stop it, or choose another --socket")
        case .other:
            throw ListenError(.notASocket, "\(path) is there and is no socket; remove it, or choose another --socket")
        }
        descriptor = try Self.bind(path, address, mode: mode)
        identity = FileIdentity(path: path)
        self.path = path
        self.backlog = backlog
        self.lock = lock
        do throws(ListenError) {
            try Self.protect(path, mode: mode, group: group)
            guard listen(descriptor, backlog) == 0 else {
                throw ListenError(.systemError, "cannot listen on \(path)", errorNumber: errno)
            }
        } catch {
            removeSocket()
            close(descriptor)
            throw error
        }
    }

    /// Takes over a listening socket that the service manager passed.
    ///
    /// Its path belongs to the manager: it is never unlinked.
    package init(activated descriptor: Int32) {
        self.descriptor = descriptor
        path = nil
        backlog = Self.usualBacklog
        identity = nil
        lock = nil
    }

    /// Where clients find the socket, even if the service manager passed it (getsockname(2)); an abstract path begins
    /// with `@`.
    ///
    /// `nil` if it has no name.
    package var boundPath: String? {
        path ?? UnixAddress.path(of: descriptor)
    }

    /// Removes the socket from its folder, so that no client tries it in vain; must be called when the daemon stops.
    ///
    /// Only the very file that this object made is removed. Connected clients stay connected, and the path stays locked
    /// until this object is gone.
    package func removeSocket() {
        guard let path, let identity, FileIdentity(path: path) == identity else { return }
        unlink(path)
    }

    private static func bind(_ path: String, _ address: UnixAddress, mode: UInt32) throws(ListenError) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ListenError(.systemError, "cannot make a socket", errorNumber: errno) }
        let mask = umask(~mode & 0o777)
        let result = address.bind(descriptor)
        umask(mask)
        guard result == 0 else {
            close(descriptor)
            throw ListenError(.cannotCreate, "cannot make the socket \(path)", errorNumber: result)
        }
        return descriptor
    }

    /// Gives the socket at `path` its group and permissions, but nothing else that may be there.
    static func protect(_ path: String, mode: UInt32, group: UInt32?) throws(ListenError) {
        let itself = clinux_open_itself(path)
        defer { close(itself) }
        var status = stat()
        guard itself >= 0, fstat(itself, &status) == 0 else {
            throw ListenError(.cannotCreate, "cannot look at \(path)", errorNumber: errno)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK, status.st_uid == geteuid(), status.st_nlink == 1 else {
            throw ListenError(
                .notASocket,
                "\(path) was replaced while it was made; choose a folder that others may not write to"
            )
        }
        if let group, status.st_gid != group, clinux_set_group(itself, group) != 0 {
            throw ListenError(.cannotCreate, "cannot give \(path) to the group \(group)", errorNumber: errno)
        }
        guard status.st_mode & 0o7777 == mode || clinux_set_mode(itself, mode) == 0 else {
            throw ListenError(.cannotCreate, "cannot set the permissions of \(path)", errorNumber: errno)
        }
    }
}
