internal import CSystemd
internal import Glibc

/// The passed descriptors in two groups: sockets to serve on, and those that this service had put into the descriptor
/// store.
///
/// The manager passes both in one list and distinguishes them only by name, which a socket unit can choose freely. So a
/// descriptor counts as stored only if it has a name that the service stores under *and* is a connected Unix stream
/// socket. All others are treated as listeners; one that is not is reported by
/// ``PassedDescriptor/requireListeningUnixStream()``.
///
/// ```swift
/// let passed = PassedDescriptors(try ListenDescriptors.take(), storedAs: "tie")
/// // LISTEN_FDNAMES=leased.socket:tie-17:tie-18 → one listener, two stored
/// ```
package struct PassedDescriptors: Hashable, Sendable {
    /// The sockets of socket units, in the manager's order.
    package let listeners: [PassedDescriptor]

    /// The connections that came back from the store, in the manager's order.
    ///
    /// The manager still has its copies. Unless told otherwise, it drops those whose other end is gone; such a one may
    /// still be here, because the other end can go at any moment.
    package let stored: [PassedDescriptor]

    /// Divides the passed descriptors.
    ///
    /// - Parameters:
    ///   - passed: all of them: ``ListenDescriptors/take()``.
    ///   - prefix: stored ones are named `prefix`, or `prefix` followed by `-` and more.
    package init(_ passed: [PassedDescriptor], storedAs prefix: String) {
        var listeners: [PassedDescriptor] = []
        var stored: [PassedDescriptor] = []
        for descriptor in passed {
            let hasName = descriptor.name == prefix || descriptor.name.hasPrefix(prefix + "-")
            if hasName && descriptor.isUnixStreamConnection {
                stored.append(descriptor)
            } else {
                listeners.append(descriptor)
            }
        }
        self.listeners = listeners
        self.stored = stored
    }
}

extension PassedDescriptor {
    /// Whether this is a Unix stream socket that does not listen: sd_is_socket_unix(3).
    fileprivate var isUnixStreamConnection: Bool {
        sd_is_socket_unix(descriptor, Int32(SOCK_STREAM.rawValue), 0, nil, 0) > 0
    }
}
