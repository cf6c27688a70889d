internal import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LeaseClientError {
    /// Whether the daemon cannot be reached because this user may not open its socket or a directory on its path
    /// (unix(7), EACCES; a security module may return EPERM).
    package var isSocketClosedToUser: Bool {
        code == .connectionFailed && Self.isClosedToUser((underlyingError as? IOError)?.errnoCode)
    }

    /// Whether the daemon was not reached because this process or the machine has no descriptor or memory left for a
    /// connection.
    package var isOwnShortage: Bool {
        code == .connectionFailed && Self.isShortage((underlyingError as? IOError)?.errnoCode)
    }

    /// Whether the daemon may be serving others although this call failed: it answered, or only this process could not
    /// reach it.
    var mayLeaveTheDaemonServingOthers: Bool { code.answer != nil || isSocketClosedToUser || isOwnShortage }

    /// Whether connect(2), or socket(2) before it, failed for lack of descriptors or memory.
    static func isShortage(_ error: CInt?) -> Bool {
        [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(error)
    }

    /// Whether connect(2) failed because it was not permitted.
    static func isClosedToUser(_ error: CInt?) -> Bool {
        error == EACCES || error == EPERM
    }
}
