internal import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LeaseClientError {
    /// Whether the daemon cannot be reached because this user may not open its socket, or a folder on the way to it
    /// (unix(7), EACCES; a security module says EPERM).
    package var isSocketClosedToUser: Bool {
        code == .connectionFailed && Self.isClosedToUser((underlyingError as? IOError)?.errnoCode)
    }

    /// Whether the daemon was not reached because this process, or the machine, has no descriptor or no memory left for
    /// a connection.
    package var isOwnShortage: Bool {
        code == .connectionFailed && Self.isShortage((underlyingError as? IOError)?.errnoCode)
    }

    /// Whether the daemon may serve others although this call failed: it answered, or it was this process alone that
    /// could not get to it.
    var mayLeaveTheDaemonServingOthers: Bool { code.answer != nil || isSocketClosedToUser || isOwnShortage }

    /// Whether connect(2), or socket(2) before it, failed for want of descriptors or memory.
    static func isShortage(_ error: CInt?) -> Bool {
        [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(error)
    }

    /// Whether connect(2) failed since it was not permitted.
    static func isClosedToUser(_ error: CInt?) -> Bool {
        error == EACCES || error == EPERM
    }
}
