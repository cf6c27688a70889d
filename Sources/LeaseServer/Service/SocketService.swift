import CLinux
import Glibc
import LeaseCore
import LeaseWire
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Accepts connections and hands them to the engine.
///
/// Each connection belongs to the user that the kernel reports at accept. One that is refused gets one error reply and
/// is closed. At a graceful shutdown the service stops accepting, and removes the socket if it was the daemon's own;
/// the engine ends the connections.
package struct SocketService: Service {
    private let server: LeaseServer
    private let listener: UnixListener
    private let logger: Logger
    private let ready: @Sendable () async -> Void

    /// Creates the service.
    ///
    /// - Parameters:
    ///   - server: the engine that serves.
    ///   - listener: the socket that clients connect to.
    ///   - logger: where events are logged.
    ///   - ready: called once the socket answers.
    package init(
        server: LeaseServer,
        listener: UnixListener,
        logger: Logger,
        ready: @escaping @Sendable () async -> Void
    ) {
        self.server = server
        self.listener = listener
        self.logger = logger
        self.ready = ready
    }

    /// Accepts until a graceful shutdown.
    ///
    /// - Throws: ``LeaseStore/StoreError`` if the store does not answer at the start, what NIO throws if the socket
    ///   cannot be served, and ``ListeningEnded`` if it no longer can; the socket is removed then, if it was the
    ///   daemon's own.
    package func run() async throws {
        let channel: any Channel
        do {
            channel = try await listen()
            logger.info("listening", metadata: ["socket": "\(listener.path ?? "passed by the service manager")"])
            await ready()
            try await Self.serve(on: channel)
        } catch {
            // Clients must not find a socket that is not served.
            listener.removeSocket()
            throw error
        }
        listener.removeSocket()
        try await channel.close()
    }

    /// Returns at a graceful shutdown.
    ///
    /// - Throws: ``ListeningEnded`` if the channel closes before that: NIO closes it if accepting fails for good.
    static func serve(on channel: any Channel) async throws(ListeningEnded) {
        let (ends, end) = AsyncStream.makeStream(of: Never.self)
        channel.closeFuture.whenComplete { _ in end.finish() }
        await cancelWhenGracefulShutdown {
            for await _ in ends {}
        }
        guard channel.isActive else { throw ListeningEnded() }
    }

    /// Serves on the socket, once the store has answered.
    private func listen() async throws -> any Channel {
        let engine = server.engine
        let logger = logger
        let (descriptor, backlog) = (listener.descriptor, listener.backlog)
        try await engine.probe()
        return try await ServerBootstrap(group: server.group)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // By now NIO has called listen(2) again, with a shorter queue, which no option changes.
                    guard Glibc.listen(descriptor, backlog) == 0 else {
                        throw IOError(errnoCode: errno, reason: "listen")
                    }
                    // When descriptors run out, accepting waits a while instead of trying forever.
                    let pause = AcceptBackoffHandler { error in
                        guard [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else { return nil }
                        engine.assumeIsolated { $0.acceptFailed(error) }
                        return .milliseconds(100)
                    }
                    try channel.pipeline.syncOperations.addHandler(pause)
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.admit(channel, to: engine, logger: logger)
                }
            }
            .withBoundSocket(listener.descriptor)
            .get()
    }

    private static func admit(_ channel: any Channel, to engine: Engine, logger: Logger) throws {
        let credentials = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { descriptor in
            // A child must not inherit a client's connection.
            _ = clinux_set_close_on_exec(descriptor, 1)
            return PeerCredentials(of: descriptor)
        }
        guard case .some(.some(let peer)) = credentials else {
            throw ChannelError.operationUnsupported
        }
        switch engine.assumeIsolated({ $0.connected(channel, peer: peer) }) {
        case .admitted(let session):
            try channel.pipeline.syncOperations.addHandler(SessionHandler(engine: engine, session: session))
        case .refused(let error):
            logger.debug("connection refused", metadata: ["uid": "\(peer.uid)", "error": "\(error.message)"])
            var reply = ByteBuffer()
            RESPEncoder().writeError(error, to: &reply)
            try channel.pipeline.syncOperations.addHandler(RefusalHandler(reply: reply))
        case .unanswered:
            throw ChannelError.ioOnClosedChannel
        }
    }
}

/// Nobody can connect any more, although nobody asked for that: accepting connections has failed permanently.
package struct ListeningEnded: Error, CustomStringConvertible {
    /// What has happened.
    package var description: String { "the socket takes no connections any more; start the daemon again" }
}

/// Sends a connection that was not admitted its one reply and closes it.
private final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let reply: ByteBuffer

    init(reply: ByteBuffer) {
        self.reply = reply
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(reply)).whenComplete { _ in channel.close(promise: nil) }
    }
}
