import CLinux
import Glibc
import LeaseCore
import LeaseWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import LeaseServer

/// A session with a real socket, and the client's end of it.
final class SocketSession: Sendable {
    let client: Int32
    let channel: any Channel
    private let session: NIOLoopBound<Session>
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let counted = Counted()

    /// Counts the writes through the channel.
    private final class Counted: ChannelOutboundHandler, Sendable {
        typealias OutboundIn = ByteBuffer
        let writes = Atomic(0)

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            writes.add(1, ordering: .relaxed)
            context.write(data, promise: promise)
        }
    }

    static func with(_ body: (SocketSession) async throws -> Void) async throws {
        let connection = try await SocketSession()
        do {
            try await body(connection)
        } catch {
            try await connection.end()
            throw error
        }
        try await connection.end()
    }

    private init() async throws {
        let ends = try Self.pair()
        client = ends[1]
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { [counted] in $0.pipeline.addHandler(counted) }
            .withConnectedSocket(ends[0]).get()
        self.channel = channel
        session = try await channel.eventLoop.submit {
            let peer = PeerCredentials(uid: 1, gid: 1, pid: 1)
            let session = Session(
                id: SessionID(rawValue: 1),
                channel: channel,
                peer: peer,
                caller: Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false),
                limits: FrameLimits(),
                connectedAt: Moment(boot: BootInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
            )
            return NIOLoopBound(session, eventLoop: channel.eventLoop)
        }.get()
    }

    /// Two sockets that are connected to each other.
    static func pair() throws -> [Int32] {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let result = socketpair(AF_UNIX, kind, 0, &ends)
        try #require(result == 0)
        return ends
    }

    private func end() async throws {
        try? await channel.close()
        close(client)
        try await group.shutdownGracefully()
    }

    /// How many writes went through the channel.
    var channelWrites: Int { counted.writes.load(ordering: .relaxed) }

    /// Writes texts one after the other, in one turn of the loop; returns the outcomes of those that the socket has not
    /// taken.
    func write(_ texts: [String]) async throws -> [EventLoopFuture<Void>] {
        try await channel.eventLoop.submit { [session] in
            texts.compactMap { session.value.write(ByteBuffer(string: $0)) }
        }.get()
    }

    /// The client's next input: `count` bytes, or all up to the end.
    func read(_ count: Int) -> String {
        var bytes = [UInt8](repeating: 0, count: count)
        var length = 0
        while length < count {
            let read = recv(client, &bytes[length], count - length, 0)
            guard read > 0 else { break }
            length += read
        }
        return String(decoding: bytes[..<length], as: UTF8.self)
    }

    /// Makes the channel read, or leave everything in the socket.
    func setChannelReads(_ reads: Bool) async throws {
        try await channel.setOption(.autoRead, value: reads).get()
    }

    /// What the session reads into a buffer that holds `earlier`, or `nil` if there is nothing; and that buffer as seen
    /// by another reference to it.
    ///
    /// `work` runs first, and the channel gets no chance to read in between.
    func readSession(
        after earlier: String = "",
        and work: @escaping @Sendable () -> Void = {}
    ) async throws -> (read: String?, earlier: String) {
        try await channel.eventLoop.submit { [session] in
            work()
            var buffer = ByteBuffer(string: earlier)
            let held = buffer
            let isRead = session.value.read(into: &buffer)
            return (isRead ? String(buffer: buffer) : nil, String(buffer: held))
        }.get()
    }

    /// Calls `body` with the session in one turn of the loop, in which the channel cannot read.
    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (Session) -> Value) async throws -> Value {
        try await channel.eventLoop.submit { [session] in body(session.value) }.get()
    }

    /// Sends text from the client's end.
    func send(_ text: String) {
        var text = text
        let sent = text.withUTF8 { Glibc.send(client, $0.baseAddress, $0.count, 0) }
        #expect(sent == text.utf8.count)
    }
}
