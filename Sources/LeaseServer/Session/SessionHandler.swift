import NIOCore

/// Hands a connection's bytes and events to the engine: the only handler in its pipeline.
///
/// The engine's executor is the event loop of all connections, so every call is already in its isolation.
final class SessionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let engine: Engine
    private let session: SessionID

    init(engine: Engine, session: SessionID) {
        self.engine = engine
        self.session = session
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let session = session
        engine.assumeIsolated { $0.received(bytes, from: session) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let session = session
        engine.assumeIsolated { $0.writabilityChanged(of: session) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else { return }
        let session = session
        engine.assumeIsolated { $0.inputClosed(by: session) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let session = session
        engine.assumeIsolated { $0.disconnected(session) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // A channel that closes before it is active never becomes inactive.
        let session = session
        engine.assumeIsolated { $0.disconnected(session) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset or a broken pipe: the peer is gone, and `channelInactive` follows.
        context.close(promise: nil)
    }
}
