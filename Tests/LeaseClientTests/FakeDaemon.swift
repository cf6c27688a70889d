import LeaseWire
import NIOCore
import NIOPosix
import Testing

@testable import LeaseClient

#if canImport(Glibc)
    import Glibc
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

        /// Sends values, and opens the latch that it returns once all have been written.
        func send(_ values: [RESPValue]) -> Latch {
            var buffer = ByteBuffer()
            for value in values { RESPEncoder(version: .resp3).write(value, to: &buffer) }
            let sent = Latch()
            channel.writeAndFlush(buffer).whenComplete { _ in sent.open() }
            return sent
        }

        /// Returns when the command's connection has ended.
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
    private let subscriptions: AsyncStream<Incoming>

    /// Listens on a new socket, or on the path of another daemon that has gone.
    ///
    /// - Parameters:
    ///   - greets: whether it answers `HELLO` and the subscriptions to names by itself; otherwise the test does.
    ///   - holder: the reply that it gives to `HOLDER` by itself, at once; without it the test replies.
    ///   - staysHalfOpen: whether a connection that the client has half closed stays open until the test hangs up; the
    ///     end of the client's input then arrives as the word `<end>`.
    init(
        path: String = FakeDaemon.unusedPath(),
        greets: Bool = true,
        holder: RESPValue? = nil,
        staysHalfOpen: Bool = false
    ) async throws {
        let (commands, arrived) = AsyncStream.makeStream(of: Incoming.self)
        let (subscriptions, subscribed) = AsyncStream.makeStream(of: Incoming.self)
        self.path = path
        self.commands = commands
        self.arrived = arrived
        self.subscriptions = subscriptions
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: staysHalfOpen)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Receptionist(greets: greets, holder: holder, arrived: arrived, subscribed: subscribed)
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

    /// Stops listening.
    ///
    /// Existing connections stay open.
    func stopListening() async throws {
        try await channel.close()
        unlink(path)
    }

    /// The next command that arrives; fails the test if it is not this one.
    func next(_ word: String, sourceLocation: SourceLocation = #_sourceLocation) async -> Incoming {
        let incoming = await next()
        #expect(incoming.text.first == word, sourceLocation: sourceLocation)
        return incoming
    }

    /// The next command that arrives.
    func next() async -> Incoming {
        var iterator = commands.makeAsyncIterator()
        guard let incoming = await iterator.next() else { preconditionFailure("the daemon's stream has ended") }
        return incoming
    }

    /// The next `SUBSCRIBE` that the daemon has answered by itself.
    func subscription() async -> Incoming {
        var iterator = subscriptions.makeAsyncIterator()
        guard let incoming = await iterator.next() else { preconditionFailure("the daemon's stream has ended") }
        return incoming
    }

    private final class Receptionist: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private var parser = RESPCommandParser()
        private var input = ByteBuffer()
        private let greets: Bool
        private let holder: RESPValue?
        private let arrived: AsyncStream<Incoming>.Continuation
        private let subscribed: AsyncStream<Incoming>.Continuation

        init(
            greets: Bool,
            holder: RESPValue?,
            arrived: AsyncStream<Incoming>.Continuation,
            subscribed: AsyncStream<Incoming>.Continuation
        ) {
            self.greets = greets
            self.holder = holder
            self.arrived = arrived
            self.subscribed = subscribed
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            input.writeBuffer(&bytes)
            do {
                while let frame = try parser.next(from: &input) { receive(frame, by: context) }
            } catch {
                context.close(promise: nil)
            }
        }

        private func receive(_ frame: RESPFrame, by context: ChannelHandlerContext) {
            let words = frame.arguments.map { argument in
                guard case .bytes(let bytes) = argument else { return [UInt8]() }
                return Array(bytes.readableBytesView)
            }
            let incoming = Incoming(words: words, channel: context.channel)
            switch incoming.text.first {
            case "HELLO" where greets:
                incoming.reply(.fields([("proto", .integer(3))]))
            case "SUBSCRIBE" where greets, "UNSUBSCRIBE" where greets:
                let confirmation = incoming.text[0].lowercased()
                for name in words.dropFirst() {
                    incoming.reply(.push([.text(confirmation), .bulk(name), .integer(1)]))
                }
                if confirmation == "subscribe" { subscribed.yield(incoming) }
            case "HOLDER" where holder != nil:
                if let holder { incoming.reply(holder) }
            default:
                arrived.yield(incoming)
            }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event as? ChannelEvent == .inputClosed {
                arrived.yield(Incoming(words: [Array("<end>".utf8)], channel: context.channel))
            }
            context.fireUserInboundEventTriggered(event)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
