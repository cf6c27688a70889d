import CLinux
import Glibc
import LeaseWire
import NIOCore
import Testing

@testable import LeaseServer

/// The server in this process, its socket, and clients that behave well or badly.
@Suite struct LiveConnectionTests {
    // MARK: Order

    @Test func repliesComeInOrderAlsoBehindAList() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            try await client.send("ACQUIRE a 30s\r\nLEASES\r\nACQUIRE b 30s\r\nLEASES\r\nPING\r\n")
            let first = try #require(try await client.reply().integer)
            #expect(try await client.reply().elements?.count == 1)
            let second = try #require(try await client.reply().integer)
            #expect(second > first)
            #expect(try await client.reply().elements?.count == 2)
            #expect(try await client.reply() == .simpleString("PONG"))
        }
    }

    @Test func manyPipelinedCommandsAreAllAnswered() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            let count = 5000
            async let sent: Void = client.send((0..<count).map { "ECHO \($0)\r\nTOKEN\r\n" }.joined())
            // The client has one queue, and sends first: the server must not depend on its reading meanwhile.
            try await sent
            var last: Int64 = 0
            for index in 0..<count {
                #expect(try await client.reply().text == "\(index)")
                let token = try await client.reply().integer ?? 0
                #expect(token > last)
                last = token
            }
        }
    }

    @Test func bytesThatComeOneByOneAreCommands() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            for byte in "*3\r\n$7\r\nACQUIRE\r\n$1\r\na\r\n$3\r\n30s\r\nPING\r\n" {
                try await client.send(String(byte))
            }
            #expect(try await client.reply().integer != nil)
            #expect(try await client.reply() == .simpleString("PONG"))
        }
    }

    // MARK: Ends

    @Test(arguments: ["", "PIN", "*2\r\n$4\r\nECHO\r\n$100\r\nabc"])
    func halfClosedConnectionIsAnsweredAndClosedWhateverIsLeft(tail: String) async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            try await client.send("ACQUIRE a 30s\r\nLEASES\r\nPING\r\n" + tail)
            client.finish()
            #expect(try await client.reply().integer != nil)
            #expect(try await client.reply().elements?.count == 1)
            #expect(try await client.reply() == .simpleString("PONG"))
            #expect(try await client.rest() == "")
            try await eventually("the session is removed") { await test.engine.run { $0.sessions.isEmpty } }
        }
    }

    @Test func requestOfAClientThatClosesAtOnceIsDone() async throws {
        try await TestServer.with { test in
            do {
                let client = try test.connect()
                try await client.send("ACQUIRE a 30s\r\n")
            }
            let client = try test.connect()
            try await eventually("the lease is held") { try await !client.ask("HOLDER a").isNull }
            try await eventually("the session is removed") { await test.engine.run { $0.sessions.count } == 1 }
        }
    }

    @Test func quitGivesOutAllEarlierRepliesFirst() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            try await client.send(String(repeating: "COMMAND DOCS\r\n", count: 100) + "QUIT\r\nPING\r\n")
            for _ in 0..<100 { #expect(try await client.reply().elements != nil) }
            #expect(try await client.reply() == .simpleString("OK"))
            #expect(try await client.rest() == "")
        }
    }

    @Test(arguments: ["*x\r\n", "*1\r\n$-2\r\n", "*1\r\n$3\r\nabcde\r\n", "\"open\r\n", "*99999999\r\n"])
    func protocolErrorIsAnsweredOnceAndNothingAfterItIsDone(bytes: String) async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            try await client.send("PING\r\n\(bytes)ACQUIRE a 30s\r\n")
            #expect(try await client.reply() == .simpleString("PONG"))
            let error = try await client.reply()
            guard case .error(let text) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(text.hasPrefix("ERR Protocol error: "))
            #expect(try await client.rest() == "")
            #expect(try await test.connect().ask("HOLDER a").isNull)
        }
    }

    // MARK: Memory

    @Test(arguments: ["COMMAND DOCS", "INFO", "CLIENT LIST", "LEASES", "ECHO \(String(repeating: "x", count: 10_000))"])
    func clientThatNeverReadsCostsBoundedMemoryAndDelaysNobody(command: String) async throws {
        try await TestServer.with { test in
            let other = try test.connect()
            _ = try await other.ask("ACQUIRE \(String(repeating: "n", count: 1000)) 30s")
            let hostile = try test.connect()
            let id = SessionID(rawValue: 2)
            let flood = String(repeating: command + "\r\n", count: 200)
            var sent = 0
            try await eventually("the server stops reading") {
                sent += try await hostile.offer(flood)
                return await test.engine.run {
                    guard let session = $0.sessions[id] else { return false }
                    return !session.channel.isWritable && !session.isReading
                }
            }
            let (buffered, input) = try await test.engine.run { engine in
                let session = try #require(engine.sessions[id])
                let options = try #require(session.channel.syncOptions)
                return (try options.getOption(.bufferedWritableBytes), session.input.storageCapacity)
            }
            #expect(buffered < 3 << 20)
            #expect(input < 2 << 20)
            #expect(try await other.ask("PING") == .simpleString("PONG"))
            #expect(try await other.ask("LEASES").elements?.count == 1)
        }
    }

    // MARK: Descriptors

    @Test func acceptedSocketsAreCloseOnExec() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            #expect(try await client.ask("PING") == .simpleString("PONG"))
            let flags = try await test.engine.run { engine in
                let session = try #require(engine.sessions.values.first)
                return try session.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                    of: NIOBSDSocket.Handle.self
                ) { Glibc.fcntl($0, F_GETFD) }
            }
            #expect(flags.map { $0 & FD_CLOEXEC } == FD_CLOEXEC)
        }
    }

    // MARK: Time

    @Test func leaseEndsByTimeWithoutAnyTraffic() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            _ = try await client.ask("ACQUIRE a 1s")
            for await status in await test.server.statusChanges() where status.leases == 0 {
                break
            }
            #expect(try await client.ask("HOLDER a").isNull)
        }
    }

    // MARK: The stop

    @Test func stopAnswersClosesAndRemovesTheSocket() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            _ = try await client.ask("ACQUIRE a 30s")
            await test.stop()
            #expect(try await client.rest() == "")
            #expect(access(test.path, F_OK) != 0)
        }
    }

    // MARK: The queue of connections

    /// A burst of clients waits to be accepted, regardless of the backlog that NIO would listen with.
    @Test func aBurstOfConnectionsWaitsToBeAccepted() async throws {
        try await TestServer.with { server in
            let address = try UnixAddress(path: server.path)
            // The loop accepts no connection while this runs.
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            let results = await server.engine.run { _ in
                (0..<300).map { _ in
                    let descriptor = socket(AF_UNIX, kind, 0)
                    return (descriptor: descriptor, error: address.connect(descriptor))
                }
            }
            let refused = results.count { $0.error != 0 }
            #expect(refused == 0)
            results.forEach { close($0.descriptor) }
        }
    }
}
