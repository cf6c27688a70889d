internal import CLinux
internal import Glibc

/// What is at the path where a socket will be made.
enum SocketProbe: Hashable {
    /// Nothing.
    case free
    /// A socket that nobody listens on: a daemon died and left it.
    case dead
    /// A socket that somebody listens on; its process, if the system tells.
    case alive(Int32?)
    /// A file, a folder, a symbolic link.
    case other

    /// Looks, and tries to connect: only that tells a dead daemon's socket from a live one's.
    ///
    /// Does not wait: a live daemon whose queue of new connections is full is alive.
    static func look(at path: String, _ address: UnixAddress) throws(ListenError) -> SocketProbe {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else {
                throw ListenError(.cannotCreate, "cannot look at \(path)", errorNumber: errno)
            }
            return .free
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { return .other }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw ListenError(.systemError, "cannot make a socket", errorNumber: errno) }
        defer { close(descriptor) }
        switch address.connect(descriptor) {
        case 0:
            var peer = clinux_peer()
            return .alive(clinux_peer_credentials(descriptor, &peer) == 0 ? peer.pid : nil)
        // A full queue, or a socket of another type, which this program did not make.
        case EAGAIN, EINPROGRESS, EPROTOTYPE: return .alive(nil)
        case ECONNREFUSED: return .dead
        // Its owner removed it meanwhile.
        case ENOENT: return .free
        case let number: throw ListenError(.cannotCreate, "cannot tell whether \(path) is in use", errorNumber: number)
        }
    }
}
