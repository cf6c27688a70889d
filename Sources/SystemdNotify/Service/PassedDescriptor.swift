internal import CSystemd
internal import Glibc

/// A descriptor that the service manager passed, with the name from its unit (`FileDescriptorName=`) or the store.
///
/// It owns nothing: the code that takes the descriptor must close it.
package struct PassedDescriptor: Hashable, Sendable {
    /// The name; `unknown` if the manager gave none.
    package let name: String

    /// The number, 3 or above, close-on-exec.
    package let descriptor: Int32

    /// Creates a passed descriptor.
    package init(name: String, descriptor: Int32) {
        self.name = name
        self.descriptor = descriptor
    }

    /// Requires that this is a listening Unix stream socket: sd_is_socket_unix(3).
    ///
    /// - Throws: ``SystemdError/Code/badDescriptor``; the message says what it is instead, and what the unit should
    ///   say.
    package func requireListeningUnixStream() throws(SystemdError) {
        let stream = Int32(SOCK_STREAM.rawValue)
        guard try !answers(sd_is_socket_unix(descriptor, stream, 1, nil, 0)) else { return }
        let problem =
            if try !answers(sd_is_socket(descriptor, 0, 0, -1)) {
                "is not a socket; the socket unit needs a line ListenStream=/PATH"
            } else if try !answers(sd_is_socket(descriptor, AF_UNIX, 0, -1)) {
                "is not a Unix socket; ListenStream= in the socket unit must be a path"
            } else if try !answers(sd_is_socket(descriptor, AF_UNIX, stream, -1)) {
                "is not a stream socket; use ListenStream= in the socket unit"
            } else {
                "does not listen; the socket unit must not say Accept=yes"
            }
        throw SystemdError(.badDescriptor, "passed descriptor \(descriptor) ('\(name)') \(problem)")
    }

    private func answers(_ result: Int32) throws(SystemdError) -> Bool {
        guard result >= 0 else {
            throw SystemdError(
                .badDescriptor,
                "passed descriptor \(descriptor) ('\(name)') cannot be used",
                errorNumber: -result
            )
        }
        return result > 0
    }
}
