import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing

@testable import LeaseServer

/// An engine on a separate event loop, with a scripted store, a clock that stands still, and connections that the test
/// reads and writes itself.
///
/// One ``turn(_:)`` is one turn of the engine.
final class EngineBench: Sendable {
    let engine: Engine
    let clock: ManualClock
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let connections: NIOLoopBoundBox<[SessionID: Connection]>

    /// One client: an embedded channel, and its output.
    final class Connection {
        let channel: EmbeddedChannel
        fileprivate let wire = Wire()
        fileprivate(set) var output = ByteBuffer()
        fileprivate(set) var parser = RESPReplyParser()

        init() {
            channel = EmbeddedChannel(handler: wire)
            channel.allowRemoteHalfClosure = true
        }
    }

    /// The end of the pipeline, in place of the socket.
    fileprivate final class Wire: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var flushed: (() -> Void)?
        /// Whether the socket takes nothing, without reporting that.
        var isStuck = false
        private var kept: [(data: NIOAny, promise: EventLoopPromise<Void>?)] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard isStuck else { return context.write(data, promise: promise) }
            kept.append((data, promise))
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            let dropped = kept
            kept = []
            dropped.forEach { $0.promise?.fail(ChannelError.ioOnClosedChannel) }
            context.close(mode: mode, promise: promise)
        }

        /// Takes the writes that were kept.
        func take(context: ChannelHandlerContext) {
            isStuck = false
            let taken = kept
            kept = []
            for (data, promise) in taken {
                context.writeAndFlush(data, promise: promise)
            }
        }

        func flush(context: ChannelHandlerContext) {
            context.flush()
            let action = flushed
            flushed = nil
            action?()
        }
    }

    /// Runs `body` with a bench, and takes the bench down.
    static func with(
        _ configure: (inout ServerConfiguration) -> Void = { _ in },
        body: (EngineBench) async throws -> Void
    ) async throws {
        var configuration = ServerConfiguration(socketPath: "/nowhere", storePath: "scripted")
        configure(&configuration)
        try await with(configuration, clock: ManualClock(), backend: ScriptedBackend(), body: body)
    }

    /// Runs `body` with a bench on that store, and takes the bench down.
    static func with(
        _ configuration: ServerConfiguration,
        clock: ManualClock,
        backend: sending any LeaseBackend,
        body: (EngineBench) async throws -> Void
    ) async throws {
        let bench = try await EngineBench(configuration, clock: clock, backend: backend)
        do {
            try await body(bench)
        } catch {
            try await bench.stop()
            throw error
        }
        try await bench.stop()
    }

    private init(
        _ configuration: ServerConfiguration,
        clock: ManualClock,
        backend: sending any LeaseBackend
    ) async throws {
        self.clock = clock
        let loop = group.next()
        connections = try await loop.submit { NIOLoopBoundBox([:], eventLoop: loop) }.get()
        let reported = Reported()
        engine = try await Engine.start(
            on: loop,
            backend: backend,
            clock: clock,
            configuration: configuration,
            logger: Logger(label: "test") { [log] _ in log }
        ) { error in
            reported.codes.withLock { $0.append(error.code) }
        }
        self.reported = reported
        try await turns(2)
        await engine.run { engine in
            if let scripted = engine.backend as? ScriptedBackend {
                scripted.calls = []
            }
        }
    }

    /// What the engine has logged.
    let log = KeptLog()

    private final class Reported: Sendable {
        let codes = Mutex<[StoreError.Code]>([])
    }

    private let reported: Reported

    /// The codes of the failures that the engine has reported.
    var reportedFailures: [StoreError.Code] { reported.codes.withLock { $0 } }

    private func stop() async throws {
        let connections = connections
        await engine.run { engine in
            for connection in connections.value.values {
                connection.channel.close(promise: nil)
                connection.channel.embeddedEventLoop.run()
            }
        }
        try await turns(2)
        try? await engine.close()
        try await group.next().submit { connections.value = [:] }.get()
        try await group.shutdownGracefully()
    }

    // MARK: - Turns

    /// Runs `body` within one turn, and lets the turn end.
    @discardableResult
    func turn<Value: Sendable>(_ body: @Sendable (isolated Engine) throws -> Value) async throws -> Value {
        let value = try await engine.run(body)
        try await turns(1)
        return value
    }

    /// Lets the turns under way end, `count` one after the other.
    ///
    /// After a turn that leaves work over, the loop's wake-up starts the next one, so hops do not count turns; see
    /// ``settle(_:)``.
    func turns(_ count: Int) async throws {
        for _ in 0..<count * 2 {
            try await group.next().submit {}.get()
        }
        // A turn of several clients looks at the sockets again before it ends.
        while await engine.run({ $0.gathering.isUnderWay }) {}
    }

    /// Lets turns pass until `condition` holds; fails the test if it never does.
    func settle(_ condition: @Sendable (isolated Engine) -> Bool, sourceLocation: SourceLocation = #_sourceLocation)
        async throws
    {
        for _ in 0..<20_000 {
            if await engine.run(condition) { return }
            try await turns(1)
        }
        Issue.record("the engine does not come to rest", sourceLocation: sourceLocation)
    }

    /// Reads the scripted store, or changes its script.
    @discardableResult
    func script<Value: Sendable>(_ body: @Sendable (ScriptedBackend) throws -> Value) async rethrows -> Value {
        try await engine.run { try body($0.backend as! ScriptedBackend) }
    }

    // MARK: - Connections

    /// Connects a client.
    ///
    /// - Parameter groups: Its groups; `nil` if the kernel does not tell them.
    /// - Throws: the ``LeaseError`` if it is refused.
    func connect(uid: UInt32 = 1000, groups: [UInt32]? = []) async throws -> SessionID {
        let connections = connections
        let id = try await engine.run { engine in
            let connection = Connection()
            let peer = PeerCredentials(uid: uid, gid: uid, pid: 1, groups: groups)
            switch engine.connected(connection.channel, peer: peer) {
            case .admitted(let id):
                try connection.channel.pipeline.syncOperations.addHandler(SessionHandler(engine: engine, session: id))
                connection.channel.connect(to: try SocketAddress(unixDomainSocketPath: "/nowhere"), promise: nil)
                connections.value[id] = connection
                return id
            case .refused(let error):
                connection.channel.close(promise: nil)
                connection.channel.embeddedEventLoop.run()
                throw error
            case .unanswered:
                throw ChannelError.ioOnClosedChannel
            }
        }
        try await turns(1)
        return id
    }

    /// The client's channel, in the isolation of a turn.
    func channel(of id: SessionID, on engine: isolated Engine) throws -> EmbeddedChannel {
        try #require(connections.value[id]).channel
    }

    /// Delivers bytes from the client, in the isolation of a turn.
    func receive(_ text: String, from id: SessionID, on engine: isolated Engine) {
        connections.value[id]?.channel.pipeline.fireChannelRead(ByteBuffer(string: text))
    }

    /// Makes the client close its writing side, in the isolation of a turn.
    func closeInput(of id: SessionID, on engine: isolated Engine) {
        connections.value[id]?.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    /// Makes the client disconnect, in the isolation of a turn.
    func hangUp(_ id: SessionID, on engine: isolated Engine) {
        connections.value[id]?.channel.close(promise: nil)
    }

    /// Makes the socket writable, or not.
    func setWritable(_ isWritable: Bool, of id: SessionID, on engine: isolated Engine) {
        connections.value[id]?.channel.isWritable = isWritable
        connections.value[id]?.channel.pipeline.fireChannelWritabilityChanged()
    }

    /// Makes the socket take nothing, or take everything that it did not take before.
    func setStuck(_ isStuck: Bool, of id: SessionID, on engine: isolated Engine) throws {
        guard let connection = connections.value[id] else { return }
        if isStuck {
            connection.wire.isStuck = true
        } else {
            let context = try connection.channel.pipeline.syncOperations.context(handler: connection.wire)
            connection.wire.take(context: context)
            connection.channel.embeddedEventLoop.run()
        }
    }

    /// Calls `action` once, from within the next flush of the client's channel, as a failing socket would.
    func atNextFlush(of id: SessionID, on engine: isolated Engine, _ action: @escaping @Sendable () -> Void) {
        connections.value[id]?.wire.flushed = action
    }

    /// Sends and lets the turn end.
    func send(_ text: String, from id: SessionID) async throws {
        try await turn { engine in receive(text, from: id, on: engine) }
    }

    /// The output to the client since the last call, unparsed.
    func output(of id: SessionID) async throws -> String {
        let connections = connections
        return try await group.next().submit {
            guard let connection = connections.value[id] else { return "" }
            var text = ""
            while let bytes = try connection.channel.readOutbound(as: ByteBuffer.self) {
                text += String(buffer: bytes)
            }
            return text
        }.get()
    }

    /// Whether the client's connection is open.
    func isOpen(_ id: SessionID) async throws -> Bool {
        let connections = connections
        return try await group.next().submit { connections.value[id]?.channel.isActive ?? false }.get()
    }

    /// Whether the client's socket is being read.
    func isRead(_ id: SessionID) async -> Bool {
        await engine.run { $0.sessions[id]?.isReading ?? false }
    }
}

extension Engine {
    /// Runs `body` on the loop.
    func run<Value: Sendable>(_ body: @Sendable (isolated Engine) throws -> Value) rethrows -> Value {
        try body(self)
    }
}
