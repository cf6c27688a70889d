import Glibc
import LeaseWire
import NIOCore
import Testing

@testable import LeaseServer

/// Clients that have just been answered are read again at once, before the loop looks at any socket.
@Suite struct LiveReadingTests {
    /// Clients that were all in the last two turns, and their sessions in the engine.
    private struct Clients {
        let clients: [RawClient]
        let sessions: [SessionID]

        init(_ count: Int, of test: TestServer) async throws {
            let clients = try (0..<count).map { _ in try test.connect() }
            var sessions: [SessionID] = []
            for client in clients {
                let id = try #require(try await client.ask("CLIENT ID").integer)
                sessions.append(SessionID(rawValue: id))
            }
            (self.clients, self.sessions) = (clients, sessions)
            for _ in 0..<2 {
                await test.engine.run { [sessions] engine in Self.haveCome(sessions, engine) }
                for client in clients { _ = try await client.reply() }
            }
        }

        /// Input from all of them reaches the turn.
        static func haveCome(_ sessions: [SessionID], _ engine: isolated Engine) {
            for id in sessions { engine.received(ByteBuffer(string: "TOKEN\r\n"), from: id) }
        }

        /// Makes some clients send their next command before all are answered; returns those that are in the next turn
        /// before the loop has looked at a socket.
        ///
        /// - Parameter others: Clients that send after that, while the loop reads the first two.
        func readOn(_ senders: [Int], then others: [Int] = [], of test: TestServer) async -> [Int] {
            let descriptors = clients.map { $0.inherited() }
            defer { descriptors.forEach { close($0) } }
            let sendFrom: @Sendable ([Int]) -> Void = { senders in
                for index in senders { #expect(send(descriptors[index], "TOKEN\r\n", 7, 0) == 7) }
            }
            let read: [SessionID] = await withCheckedContinuation { continuation in
                test.engine.onLoop { [sessions] engine in
                    sendFrom(senders)
                    Self.haveCome(sessions, engine)
                    // Each after the end of the turn, which the loop runs first.
                    engine.onLoop { engine in
                        if !others.isEmpty {
                            sendFrom(others)
                            Self.haveCome(Array(sessions[..<2]), engine)
                        }
                        engine.onLoop { continuation.resume(returning: $0.turn.map(\.id)) }
                    }
                }
            }
            return read.compactMap { sessions.firstIndex(of: $0) }
        }

        /// Every client gets one reply for each of its commands, in order.
        func areAnswered(_ senders: [Int]) async throws {
            for (index, client) in clients.enumerated() {
                let first = try #require(try await client.reply().integer)
                if senders.contains(index) {
                    #expect(try await client.reply().integer ?? 0 > first)
                }
                #expect(try await client.ask("PING") == .simpleString("PONG"))
            }
        }
    }

    /// Which of ten clients have sent, and which are read, in that order.
    private static let readOn: [(senders: [Int], read: [Int])] = [
        (Array(0..<10), Array(0..<10)),
        // One or two that have sent nothing are passed over.
        ([0, 2, 5, 6, 9], [0, 2, 5, 6, 9]),
        // After three in a row that have sent nothing, no more are tried.
        ([0, 4, 5], [0]),
        ([3, 4, 5, 6, 7, 8, 9], []),
        ([], []),
    ]

    @Test(arguments: readOn)
    func whoHasSentItsNextCommandIsInTheNextTurnAtOnce(_ senders: [Int], read: [Int]) async throws {
        try await TestServer.with { test in
            let clients = try await Clients(10, of: test)
            #expect(await clients.readOn(senders, of: test) == read)
            // The loop finds those that the engine has not read.
            try await clients.areAnswered(senders)
        }
    }

    @Test func whoIsExpectedIsReadAgainBeforeTheTurnEndsButNotWhomTheLoopHasReadMeanwhile() async throws {
        try await TestServer.with { test in
            let clients = try await Clients(10, of: test)
            // None has sent anything when all are answered. Then the loop reads the first two; the third is late.
            #expect(await clients.readOn([], then: [3, 4, 5, 6, 7, 8, 9], of: test) == [0, 1, 3, 4, 5, 6, 7, 8, 9])
            try await clients.areAnswered([0, 1, 3, 4, 5, 6, 7, 8, 9])
        }
    }

    @Test func ofFewTheLoopReadsAll() async throws {
        try await TestServer.with { test in
            let clients = try await Clients(7, of: test)
            #expect(await clients.readOn(Array(0..<7), of: test) == [])
            try await clients.areAnswered(Array(0..<7))
        }
    }

    @Test func everyRoundOfManyClientsIsAnswered() async throws {
        try await TestServer.with { test in
            let clients = try (0..<24).map { _ in try test.connect() }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for (index, client) in clients.enumerated() {
                    tasks.addTask {
                        for round in 0..<60 {
                            let token = try #require(try await client.ask("ACQUIRE \(index) 1h").integer)
                            #expect(try await client.ask("ECHO \(index).\(round)").text == "\(index).\(round)")
                            #expect(try await client.ask("RELEASE \(index) \(token)") == .simpleString("OK"))
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            #expect(await test.engine.run { $0.backend.leaseCount } == 0)
        }
    }
}
