import NIOCore
import NIOPosix

/// Reports that a descriptor has become readable, and reads the counter of timerfd(2) or eventfd(2).
final class ReadySignal: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let ready: @Sendable () -> Void

    /// A channel that owns the descriptor and calls `ready` on the event loop.
    static func channel(
        reading descriptor: Int32,
        on eventLoop: any EventLoop,
        ready: @escaping @Sendable () -> Void
    ) async throws -> any Channel {
        try await NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ReadySignal(ready: ready))
                }
            }
            .takingOwnershipOfDescriptor(input: descriptor)
            .get()
    }

    private init(ready: @escaping @Sendable () -> Void) {
        self.ready = ready
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        ready()
    }
}
