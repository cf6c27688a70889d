import CLinux
import Glibc
import LeaseCore
import LeaseWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import LeaseServer

/// What a session writes to its socket: everything, in order, whether the client reads or not.
@Suite struct SessionWritingTests {
    /// A session with a real socket, and the client's end of it.
    private final class Connection: Sendable {
        let client: Int32
        let channel: any Channel
        private let session: NIOLoopBound<Session>
        private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        private let counted = Counted()

        /// What was written through the channel.
        private final class Counted: ChannelOutboundHandler, Sendable {
            typealias OutboundIn = ByteBuffer
            let writes = Atomic(0)

            func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
                writes.add(1, ordering: .relaxed)
                context.write(data, promise: promise)
            }
        }

        static func with(_ body: (Connection) async throws -> Void) async throws {
            let connection = try await Connection()
            do {
                try await body(connection)
            } catch {
                try await connection.end()
                throw error
            }
            try await connection.end()
        }

        private init() async throws {
            var ends: [Int32] = [-1, -1]
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            let result = socketpair(AF_UNIX, kind, 0, &ends)
            try #require(result == 0)
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

        private func end() async throws {
            try? await channel.close()
            close(client)
            try await group.shutdownGracefully()
        }

        /// How many writes went through the channel.
        var channelWrites: Int { counted.writes.load(ordering: .relaxed) }

        /// Writes texts one after the other, in one turn of the loop; what becomes of those that the socket has not taken.
        func write(_ texts: [String]) async throws -> [EventLoopFuture<Void>] {
            try await channel.eventLoop.submit { [session] in
                texts.compactMap { session.value.write(ByteBuffer(string: $0)) }
            }.get()
        }

        /// What the client reads next, `count` bytes of it or all up to the end.
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
    }

    /// More than a socket takes.
    private static let long = String(repeating: "long", count: 1 << 20)

    @Test func whatTheSocketTakesNeedsNoChannel() async throws {
        try await Connection.with { connection in
            let rests = try await connection.write(["+PONG\r\n", ":101\r\n"])
            #expect(rests.isEmpty)
            #expect(connection.channelWrites == 0)
            #expect(connection.read(13) == "+PONG\r\n:101\r\n")
        }
    }

    @Test func whatItDoesNotTakeIsWrittenInOrderOnceTheClientReads() async throws {
        try await Connection.with { connection in
            let rests = try await connection.write(["first", Self.long, "behind", "last"])
            #expect(rests.count == 3)
            #expect(connection.channelWrites == 3)
            let all = "first" + Self.long + "behind" + "last"
            let read = connection.read(all.utf8.count)
            #expect(read == all)
            for rest in rests { try await rest.get() }
            // Nothing is under way any more: the socket again.
            #expect(try await connection.write(["more"]).isEmpty)
            #expect(connection.channelWrites == 3)
            #expect(connection.read(4) == "more")
        }
    }

    @Test func writesToAClientThatIsGoneFailAndEndTheConnection() async throws {
        try await Connection.with { connection in
            shutdown(connection.client, Int32(SHUT_RD))
            let rests = try await connection.write(["nobody reads this"])
            let rest = try #require(rests.first)
            await #expect(throws: (any Error).self) { try await rest.get() }
            try await connection.channel.closeFuture.get()
        }
    }

    @Test func nothingIsWrittenToADescriptorThatIsClosed() async throws {
        try await Connection.with { connection in
            try await connection.channel.close()
            // Whoever is given the number next.
            var ends: [Int32] = [-1, -1]
            let result = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
            try #require(result == 0)
            defer { ends.forEach { close($0) } }
            let rest = try #require(try await connection.write(["for the old one"]).first)
            await #expect(throws: (any Error).self) { try await rest.get() }
            var byte: UInt8 = 0
            for end in ends {
                #expect(recv(end, &byte, 1, Int32(MSG_DONTWAIT)) == -1)
            }
        }
    }
}
