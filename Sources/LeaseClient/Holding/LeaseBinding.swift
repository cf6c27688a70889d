/// The connection that a bound tenure ends with.
///
/// The tenure ends at the earlier of its TTL and the end of the connection. The connection is closed by ``close()``,
/// when this is dropped, and by the kernel when the process ends in any way; no child process inherits it. A binding
/// does not replace renewals.
public final class LeaseBinding: Sendable {
    private let connection: HeldConnection

    init(_ connection: HeldConnection) {
        self.connection = connection
    }

    /// Whether the connection is open, as far as is known.
    public var isOpen: Bool { !connection.ending.isOpen }

    /// Closes the connection: the tenure ends, if it is still bound to it.
    public func close() {
        connection.close()
    }

    /// Returns when the connection has ended, or when the task is cancelled.
    ///
    /// After a restart of the daemon the tenure goes on by time alone until ``LeaseClient/bind(_:)``.
    public func ended() async {
        await connection.ending.wait()
    }
}
