import LeaseWire
import NIOCore
import NIOPosix
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A daemon whose answers a test gives by hand, command by command.
///
///     let daemon = try await FakeDaemon()
///     async let lease = client.acquire(name, ttl: ttl)
///     await daemon.next("ACQUIRE").reply(.integer(7))
final class FakeDaemon: Sendable {
    /// A command that has arrived, and its connection.
    struct Incoming: Sendable {
        let words: [[UInt8]]
        fileprivate let channel: any Channel

        var text: [String] { words.map { String(decoding: $0, as: UTF8.self) } }

        func reply(_ value: RESPValue) {
            var buffer = ByteBuffer()
            RESPEncoder(version: .resp3).write(value, to: &buffer)
            channel.writeAndFlush(buffer, promise: nil)
        }

        /// Returns when the connection that it came by has ended.
        func connectionEnd() async {
            try? await channel.closeFuture.get()
        }

        /// Sends bytes as they are, then closes the connection.
        func hangUp(after bytes: String = "") async {
            try? await channel.writeAndFlush(ByteBuffer(string: bytes)).get()
            try? await channel.close()
        }
    }

    let path: String
    private let channel: any Channel
    private let commands: AsyncStream<Incoming>
    private let arrived: AsyncStream<Incoming>.Continuation

    /// Listens on a socket of its own, or on that of another, which has gone.
    ///
    /// - Parameter greets: whether it answers `HELLO` by itself; otherwise the test does.
    init(path: String = FakeDaemon.unusedPath(), greets: Bool = true) async throws {
        let (commands, arrived) = AsyncStream.makeStream(of: Incoming.self)
        self.path = path
        self.commands = commands
        self.arrived = arrived
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(RESPCommandDecoder()),
                        Receptionist(greets: greets, arrived: arrived)
                    )
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true)
            .get()
    }

    static func unusedPath() -> String {
        "/tmp/leased-test-\(UInt64.random(in: 0 ... .max)).sock"
    }

    deinit {
        channel.close(promise: nil)
        unlink(path)
    }

    /// Listens no longer.
    ///
    /// Connections that there are stay.
    func stopListening() async throws {
        try await channel.close()
        unlink(path)
    }

    /// The next command that arrives.
    func next(_ word: String, sourceLocation: SourceLocation = #_sourceLocation) async -> Incoming {
        var iterator = commands.makeAsyncIterator()
        guard let incoming = await iterator.next() else { preconditionFailure("the daemon's stream has ended") }
        #expect(incoming.text.first == word, sourceLocation: sourceLocation)
        return incoming
    }

    private final class Receptionist: ChannelInboundHandler {
        typealias InboundIn = RESPFrame

        private let greets: Bool
        private let arrived: AsyncStream<Incoming>.Continuation

        init(greets: Bool, arrived: AsyncStream<Incoming>.Continuation) {
            self.greets = greets
            self.arrived = arrived
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let words = unwrapInboundIn(data).arguments.map { argument in
                guard case .bytes(let bytes) = argument else { return [UInt8]() }
                return Array(bytes.readableBytesView)
            }
            let incoming = Incoming(words: words, channel: context.channel)
            if greets, incoming.text.first == "HELLO" {
                incoming.reply(.fields([("proto", .integer(3))]))
            } else {
                arrived.yield(incoming)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
