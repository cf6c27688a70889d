import Glibc
import LeaseCore
import LeaseWire
import NIOCore
import NIOPosix
import Testing

@testable import LeaseServer

/// What a session writes to its socket: everything, in order, whether or not the client reads.
@Suite struct SessionWritingTests {
    /// More than a socket takes.
    private static let long = String(repeating: "long", count: 1 << 20)

    @Test func whatTheSocketTakesNeedsNoChannel() async throws {
        try await SocketSession.with { connection in
            let rests = try await connection.write(["+PONG\r\n", ":101\r\n"])
            #expect(rests.isEmpty)
            #expect(connection.channelWrites == 0)
            #expect(connection.read(13) == "+PONG\r\n:101\r\n")
        }
    }

    @Test func whatItDoesNotTakeIsWrittenInOrderOnceTheClientReads() async throws {
        try await SocketSession.with { connection in
            let rests = try await connection.write(["first", Self.long, "behind", "last"])
            #expect(rests.count == 3)
            #expect(connection.channelWrites == 3)
            let all = "first" + Self.long + "behind" + "last"
            let read = connection.read(all.utf8.count)
            #expect(read == all)
            for rest in rests { try await rest.get() }
            // Nothing is in flight any more, so the socket is used again.
            #expect(try await connection.write(["more"]).isEmpty)
            #expect(connection.channelWrites == 3)
            #expect(connection.read(4) == "more")
        }
    }

    @Test func writesToAClientThatIsGoneFailAndEndTheConnection() async throws {
        try await SocketSession.with { connection in
            shutdown(connection.client, Int32(SHUT_RD))
            let rests = try await connection.write(["nobody reads this"])
            let rest = try #require(rests.first)
            await #expect(throws: (any Error).self) { try await rest.get() }
            try await connection.channel.closeFuture.get()
        }
    }

    @Test func nothingIsWrittenToADescriptorThatIsClosed() async throws {
        try await SocketSession.with { connection in
            try await connection.channel.close()
            // Another socket, which gets the same descriptor number.
            let ends = try SocketSession.pair()
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
