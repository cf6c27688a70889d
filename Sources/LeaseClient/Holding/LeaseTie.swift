internal import CLinux
internal import NIOCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The connection that a tied tenure hangs on; a process tree inherits its descriptor.
///
/// The tenure does not end by time while any process holds the connection. It ends when the last one is gone or has
/// closed it, by a release, or by force. A process that inherits the descriptor can do nothing with it: it cannot send,
/// and the daemon sends nothing.
///
/// This process also holds it, until ``close()``, until this is dropped, or until the process ends.
public final class LeaseTie: Sendable {
    private let connection: HeldConnection
    /// Under a lock, because any task may close it and the number must not be used afterwards.
    private let open: Mutex<CInt?>

    /// The connection's descriptor, for a process tree to inherit; −1 once it was closed.
    ///
    /// It is close-on-exec and owned by this object: pass it on as a duplicate, as with posix_spawn's dup2. It is valid
    /// while this object lives and is not closed.
    public var descriptor: CInt { open.withLock { $0 ?? -1 } }

    /// Takes over a connection that has become a tie.
    init(_ connection: HeldConnection) async throws(LeaseClientError) {
        let descriptor: CInt
        do {
            // A duplicate: the event loop, which watches for the connection's end, and the job need one each.
            descriptor = try await connection.channel.eventLoop.submit { [channel = connection.channel] in
                try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
                    (socket: NIOBSDSocket.Handle) in clinux_duplicate_above(socket, 3)
                } ?? -1
            }.get()
        } catch {
            throw LeaseClientError(.connectionClosed, LeaseClientError.lostAttachment.message, underlyingError: error)
        }
        guard descriptor >= 0 else { throw .lostAttachment }
        shutdown(descriptor, CInt(SHUT_WR))
        self.connection = connection
        self.open = Mutex(descriptor)
    }

    deinit {
        close()
    }

    /// Whether the daemon still has its end of the connection, as far as is known.
    public var isOpen: Bool { !connection.ending.isOpen }

    /// Closes this process's copy: the tenure ends, unless other processes hold the connection.
    public func close() {
        let descriptor = open.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        if let descriptor { closeDescriptor(descriptor) }
        connection.close()
    }

    /// Returns when the daemon has closed its end, when this was closed, or when the task is cancelled.
    ///
    /// The daemon closes it when it stops. The tenure then goes on by time alone until it is tied again.
    public func ended() async {
        await connection.ending.wait()
    }
}

/// close(2), which the method of the same name hides.
private func closeDescriptor(_ descriptor: CInt) {
    close(descriptor)
}
