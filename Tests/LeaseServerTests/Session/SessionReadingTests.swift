import Glibc
import NIOCore
import Testing

@testable import LeaseServer

/// What a session reads from its socket without the channel: everything that is there, once, and in order.
@Suite struct SessionReadingTests {
    @Test func whatTheClientHasSentIsReadOnce() async throws {
        try await SocketSession.with { connection in
            try await connection.setChannelReads(false)
            #expect(try await connection.readSession().read == nil)
            connection.send("PING\r\n")
            connection.send("TOKEN\r\n")
            #expect(try await connection.readSession().read == "PING\r\nTOKEN\r\n")
            #expect(try await connection.readSession().read == nil)
        }
    }

    @Test func whoHasTheBufferKeepsWhatItHolds() async throws {
        try await SocketSession.with { connection in
            try await connection.setChannelReads(false)
            connection.send("new")
            let (read, earlier) = try await connection.readSession(after: "half a command")
            #expect(read == "new")
            #expect(earlier == "half a command")
        }
    }

    @Test func whatIsOverTheSizeStaysForTheNextRead() async throws {
        try await SocketSession.with { connection in
            try await connection.setChannelReads(false)
            connection.send(String(repeating: "x", count: Session.readSize) + "rest")
            #expect(try await connection.readSession().read?.utf8.count == Session.readSize)
            #expect(try await connection.readSession().read == "rest")
        }
    }

    @Test func theEndIsLeftToTheChannel() async throws {
        try await SocketSession.with { connection in
            let last = try await connection.readSession {
                connection.send("last")
                shutdown(connection.client, Int32(SHUT_WR))
            }
            #expect(last.read == "last")
            #expect(try await connection.readSession().read == nil)
            try await connection.channel.closeFuture.get()
        }
    }

    @Test func nothingIsReadFromADescriptorThatIsClosed() async throws {
        try await SocketSession.with { connection in
            try await connection.channel.close()
            // Another socket, which gets the same descriptor number.
            let ends = try SocketSession.pair()
            defer { ends.forEach { close($0) } }
            for end in ends { #expect(write(end, "x", 1) == 1) }
            #expect(try await connection.readSession().read == nil)
            var byte: UInt8 = 0
            for end in ends { #expect(recv(end, &byte, 1, Int32(MSG_DONTWAIT)) == 1) }
        }
    }

    // MARK: The end of the client

    @Test(arguments: [Int32(SHUT_WR), Int32(SHUT_RDWR)])
    func whoHasClosedHasHungUpOnceAllThatItSentIsDone(_ side: Int32) async throws {
        try await SocketSession.with { connection in
            try await connection.setChannelReads(false)
            try await connection.onLoop { session in
                #expect(!session.hasHungUp)
                connection.send("last")
                #expect(!session.hasHungUp)
                shutdown(connection.client, side)
                #expect(!session.hasHungUp)
                var buffer = ByteBuffer()
                #expect(session.read(into: &buffer))
                #expect(session.hasHungUp)
                session.isDeferred = true
                #expect(!session.hasHungUp)
                session.isDeferred = false
                // An incomplete command will never be completed.
                session.input = ByteBuffer(string: "PI")
                #expect(session.hasHungUp)
            }
        }
    }

    @Test func whatComesBehindALateAnswerOrWasCutIsOfNoAccountOnceBothSidesAreClosed() async throws {
        try await SocketSession.with { connection in
            try await connection.setChannelReads(false)
            try await connection.onLoop { session in
                connection.send("PING")
                for (side, isEnd) in [(SHUT_WR, false), (SHUT_RDWR, true)] {
                    shutdown(connection.client, Int32(side))
                    for isUnfinished in [\Session.isWaiting, \.isCut] {
                        session[keyPath: isUnfinished] = true
                        #expect(session.hasHungUp == isEnd)
                        session[keyPath: isUnfinished] = false
                    }
                }
            }
        }
    }

    @Test func aTieHasHungUpOnceBothSidesAreClosed() async throws {
        try await SocketSession.with { connection in
            try await connection.setChannelReads(false)
            try await connection.onLoop { session in
                session.isWaiting = true
                session.tie = .tied
                connection.send("means nothing")
                shutdown(connection.client, Int32(SHUT_WR))
                #expect(!session.hasHungUp)
                shutdown(connection.client, Int32(SHUT_RDWR))
                #expect(session.hasHungUp)
            }
        }
    }

    @Test func aDescriptorThatIsClosedIsNotAsked() async throws {
        try await SocketSession.with { connection in
            try await connection.channel.close()
            // Another socket, which gets the same descriptor number.
            let ends = try SocketSession.pair()
            defer { ends.forEach { close($0) } }
            shutdown(ends[0], Int32(SHUT_RDWR))
            try await connection.onLoop { #expect(!$0.hasHungUp) }
        }
    }
}
