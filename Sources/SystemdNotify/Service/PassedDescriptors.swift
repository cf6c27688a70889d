internal import CSystemd
internal import Glibc

/// What the service manager passed, in two parts: sockets to serve on, and what this service had put into the
/// descriptor store.
///
/// The manager passes both in one row, and tells them apart by nothing but their names, which a socket unit chooses for
/// itself. So a descriptor counts as stored only if it has a name that the service stores under *and* is a connected
/// Unix stream socket. All others are listeners, or were meant to be: one that is none shows its fault in
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
    /// The manager still has its copies. Unless it was told otherwise it keeps none whose other end is gone; such a one
    /// may be here all the same, since it can go at any moment.
    package let stored: [PassedDescriptor]

    /// Divides what was passed.
    ///
    /// - Parameters:
    ///   - passed: all of it: ``ListenDescriptors/take()``.
    ///   - prefix: stored ones are named `prefix`, or `prefix` with `-` and more behind it.
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
