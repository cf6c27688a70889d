internal import CLinux
internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// How every connection of a client is opened, and the messages for its failures.
extension LeaseClient.Configuration {
    /// Opens a connection to the daemon.
    ///
    /// If the daemon's backlog is full, connect(2) fails at once with EAGAIN; it is retried within ``connectTimeout``.
    ///
    /// - Parameters:
    ///   - readsByItself: whether the channel reads automatically; if not, only when asked to.
    ///   - notify: called on the loop with what arrives.
    func openChannel(
        on eventLoop: any EventLoop,
        readsByItself: Bool = true,
        notify: @escaping @Sendable (ReplyHandler.Event) -> Void
    ) -> EventLoopFuture<any Channel> {
        let end = NIODeadline.now() + TimeAmount(connectTimeout)
        return openChannel(on: eventLoop, until: end, readsByItself: readsByItself, notify: notify)
    }

    /// The pause before another attempt when the backlog is full.
    private static let pauseOfFullQueue = TimeAmount.milliseconds(20)

    private func openChannel(
        on eventLoop: any EventLoop,
        until end: NIODeadline,
        readsByItself: Bool,
        notify: @escaping @Sendable (ReplyHandler.Event) -> Void
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(connectTimeout))
            .channelOption(.autoRead, value: readsByItself)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // A child that this process starts must not inherit the connection.
                    try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
                        (socket: NIOBSDSocket.Handle) in
                        _ = clinux_set_close_on_exec(socket, 1)
                    }
                    try channel.pipeline.syncOperations.addHandler(ReplyHandler(notify: notify))
                }
            }
            .connect(unixDomainSocketPath: socketPath)
            .flatMapError { error in
                guard (error as? IOError)?.errnoCode == EAGAIN, NIODeadline.now() + Self.pauseOfFullQueue < end else {
                    return eventLoop.makeFailedFuture(error)
                }
                return eventLoop.flatScheduleTask(in: Self.pauseOfFullQueue) {
                    openChannel(on: eventLoop, until: end, readsByItself: readsByItself, notify: notify)
                }.futureResult
            }
    }

    /// Connecting failed.
    func unreachable(_ error: any Error) -> LeaseClientError {
        if case SocketAddressError.unixDomainSocketPathTooLong = error {
            let message =
                "the socket path has \(socketPath.utf8.count) bytes, more than a socket's path can have; name a shorter one"
            return LeaseClientError(.invalidRequest, message, underlyingError: error)
        }
        let number = (error as? IOError)?.errnoCode
        let reason = Self.reason(for: error)
        let hint =
            if LeaseClientError.isClosedToUser(number) {
                "the socket's group may: have your user added to it (adduser USER GROUP), and log in again"
            } else if LeaseClientError.isShortage(number) {
                "close something, or raise what this process may use (ulimit)"
            } else {
                "is leased running?"
            }
        let message = "cannot connect to \(socketPath): \(reason); \(hint)"
        return LeaseClientError(.connectionFailed, message, underlyingError: error)
    }

    /// The daemon accepted the connection but does not answer.
    var silent: LeaseClientError {
        LeaseClientError(.connectionFailed, "\(socketPath) does not answer within \(connectTimeout)")
    }

    /// The connection has ended.
    func ended(_ error: (any Error)?) -> LeaseClientError {
        let reason = error.map { " (\(Self.reason(for: $0)))" } ?? ""
        let message = "the daemon closed the connection at \(socketPath)\(reason)"
        return LeaseClientError(.connectionFailed, message, underlyingError: error)
    }

    /// The error's text; for an errno, the system's.
    private static func reason(for error: any Error) -> String {
        (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }
}
