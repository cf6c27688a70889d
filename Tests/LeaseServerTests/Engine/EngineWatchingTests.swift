import LeaseCore
import LeaseWire
import NIOCore
import Testing

@testable import LeaseServer
@testable import LeaseStore

/// Which subscribers are told what, when, and what happens to those that do not read.
@Suite struct EngineWatchingTests {
    private static func announcement(_ name: String, _ fence: Int64 = 7) throws -> Announcement {
        Announcement(
            name: try LeaseName(name),
            fence: try #require(Token(rawValue: fence)),
            owner: .empty,
            at: WallInstant(microseconds: 1000),
            event: .released
        )
    }

    private static func text(_ fence: Int64 = 7) -> String {
        #"{"event":"released","fence":\#(fence),"owner":"","at_ms":1}"#
    }

    /// The frame of a message.
    private static func message(_ name: String, _ fence: Int64 = 7, push: String = "*", pattern: String? = nil)
        -> String
    {
        let words = (pattern.map { ["pmessage", $0] } ?? ["message"]) + [name, text(fence)]
        return "\(push)\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }

    /// Makes events happen to the leases: decided now, and committed with the next turn.
    private static func happen(_ names: [String], on bench: EngineBench, by client: SessionID) async throws {
        let told = try names.map { try announcement($0) }
        await bench.script { $0.announcing = told }
        try await bench.send("TOKEN\r\n", from: client)
        _ = try await bench.output(of: client)
    }

    // MARK: - Subscribing

    @Test func confirmationsCountNamesAndPatternsTogether() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("SUBSCRIBE a b a\r\nPSUBSCRIBE *\r\n", from: client)
            #expect(
                try await bench.output(of: client)
                    == "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
                    + "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:3\r\n"
            )
            try await bench.send("UNSUBSCRIBE c\r\nUNSUBSCRIBE\r\nUNSUBSCRIBE\r\nPUNSUBSCRIBE * *\r\n", from: client)
            #expect(
                try await bench.output(of: client)
                    == "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:3\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:2\r\n"
                    + "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1\r\n"
                    + "*3\r\n$12\r\npunsubscribe\r\n$1\r\n*\r\n:0\r\n*3\r\n$12\r\npunsubscribe\r\n$1\r\n*\r\n:0\r\n"
            )
            #expect(await bench.engine.run { $0.subscriptions.isEmpty })
        }
    }

    @Test func subscriberInRESP2SendsLittleElseUntilItIsNone() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("SUBSCRIBE a\r\n", from: client)
            _ = try await bench.output(of: client)
            try await bench.send("ACQUIRE a 30s\r\nHELLO 3\r\nPING\r\nPING hi\r\nNOSUCH\r\n", from: client)
            let context = "only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
            let output = try await bench.output(of: client)
            #expect(
                output.hasPrefix(
                    "-ERR Can't execute 'acquire': \(context)\r\n-ERR Can't execute 'hello': \(context)\r\n"
                        + "*2\r\n$4\r\npong\r\n$0\r\n\r\n*2\r\n$4\r\npong\r\n$2\r\nhi\r\n-ERR unknown command"
                )
            )
            #expect(await bench.script { $0.calls } == [])
            try await bench.send("UNSUBSCRIBE\r\nPING\r\nACQUIRE a 30s\r\n", from: client)
            #expect(try await bench.output(of: client).hasSuffix(":0\r\n+PONG\r\n:101\r\n"))
        }
    }

    @Test func subscriberInRESP3SendsWhatItLikes() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("HELLO 3\r\n", from: client)
            _ = try await bench.output(of: client)
            let told = try Self.announcement("a")
            await bench.script { $0.announcing = [told] }
            try await bench.send("SUBSCRIBE a\r\nACQUIRE a 30s\r\nPING\r\n", from: client)
            // The replies of the turn come first, then its events.
            #expect(
                try await bench.output(of: client)
                    == ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n:101\r\n+PONG\r\n" + Self.message("a", push: ">")
            )
        }
    }

    @Test func resetAndTheEndOfTheConnectionEndSubscriptions() async throws {
        try await EngineBench.with { bench in
            let (one, other) = (try await bench.connect(), try await bench.connect())
            for client in [one, other] {
                try await bench.send("SUBSCRIBE a\r\nPSUBSCRIBE b*\r\n", from: client)
                _ = try await bench.output(of: client)
            }
            #expect(await bench.script { $0.isWatched })
            try await bench.send("RESET\r\nPING\r\n", from: one)
            #expect(try await bench.output(of: one) == "+RESET\r\n+PONG\r\n")
            #expect(await bench.engine.run { $0.subscriptions.count } == 2)
            try await bench.turn { engine in bench.hangUp(other, on: engine) }
            #expect(await bench.engine.run { $0.subscriptions.isEmpty })
            #expect(await bench.script { !$0.isWatched })
        }
    }

    @Test func subscriptionOfAConnectionThatIsGoneIsNone() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let other = try await bench.connect()
            // Input that arrives while replies are sent waits for the next turn; the close of the connection does not.
            try await bench.turn { engine in
                bench.atNextFlush(of: other, on: engine) {
                    engine.assumeIsolated { engine in
                        bench.receive("SUBSCRIBE a\r\n", from: client, on: engine)
                        bench.hangUp(client, on: engine)
                    }
                }
                bench.receive("PING\r\n", from: other, on: engine)
            }
            try await bench.turns(3)
            #expect(await bench.engine.run { $0.subscriptions.isEmpty && $0.sessions.count == 1 })
        }
    }

    // MARK: - Messages

    @Test func nothingIsToldBeforeTheCommit() async throws {
        try await EngineBench.with { bench in
            let (watcher, client) = (try await bench.connect(), try await bench.connect())
            try await bench.send("SUBSCRIBE a\r\n", from: watcher)
            await bench.script { $0.calls = [] }
            let told = try Self.announcement("a")
            try await bench.turn { engine in
                (engine.backend as! ScriptedBackend).announcing = [told]
                bench.atNextFlush(of: watcher, on: engine) {
                    engine.assumeIsolated { ($0.backend as! ScriptedBackend).calls.append(.replied) }
                }
                bench.receive("ACQUIRE a 30s\r\n", from: client, on: engine)
            }
            #expect(await bench.script { $0.calls } == [.perform("a"), .commit(1), .replied])
            #expect(try await bench.output(of: watcher).hasSuffix(":1\r\n" + Self.message("a")))
        }
    }

    @Test func messagesKeepTheirOrderAndGoToWhomeverTheyMeet() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let lines = ["SUBSCRIBE a", "PSUBSCRIBE *", "SUBSCRIBE b\r\nPSUBSCRIBE a* ?", "SUBSCRIBE c"]
            var watchers: [SessionID] = []
            for line in lines {
                watchers.append(try await bench.connect())
                try await bench.send(line + "\r\n", from: watchers.last!)
                _ = try await bench.output(of: watchers.last!)
            }
            let told = try ["a", "b", "a", "ab"].enumerated().map { try Self.announcement($1, Int64($0) + 1) }
            await bench.script { $0.announcing = told }
            try await bench.send("TOKEN\r\n", from: client)
            #expect(try await bench.output(of: watchers[0]) == Self.message("a", 1) + Self.message("a", 3))
            #expect(
                try await bench.output(of: watchers[1])
                    == ["a", "b", "a", "ab"].enumerated()
                    .map { Self.message($1, Int64($0) + 1, pattern: "*") }.joined()
            )
            let third = try await bench.output(of: watchers[2])
            let expected = [
                Self.message("a", 1, pattern: "a*"), Self.message("a", 1, pattern: "?"), Self.message("b", 2),
                Self.message("b", 2, pattern: "?"), Self.message("a", 3, pattern: "a*"),
                Self.message("a", 3, pattern: "?"), Self.message("ab", 4, pattern: "a*"),
            ]
            #expect(third.utf8.count == expected.joined().utf8.count)
            #expect(expected.allSatisfy { third.contains($0) })
            #expect(try await bench.output(of: watchers[3]) == "")
            #expect(await bench.engine.run { $0.counters.messages } == 2 + 4 + 7)
        }
    }

    /// The socket reports the close within the write.
    @Test func subscriberThatGoesAwayAsItIsToldLeavesNothing() async throws {
        try await EngineBench.with { bench in
            let (watcher, client) = (try await bench.connect(), try await bench.connect())
            try await bench.send("SUBSCRIBE a\r\n", from: watcher)
            let told = try Self.announcement("a")
            try await bench.turn { engine in
                (engine.backend as! ScriptedBackend).announcing = [told]
                bench.atNextFlush(of: watcher, on: engine) {
                    engine.assumeIsolated { bench.hangUp(watcher, on: $0) }
                }
                bench.receive("ACQUIRE a 30s\r\n", from: client, on: engine)
            }
            try await bench.settle { $0.sessions.count == 1 }
            #expect(await bench.engine.run { $0.backlog.total } == 0)
            #expect(try await bench.output(of: client) == ":101\r\n")
        }
    }

    @Test func refusedCommitTellsNothing() async throws {
        try await EngineBench.with { bench in
            let (watcher, client) = (try await bench.connect(), try await bench.connect())
            try await bench.send("PSUBSCRIBE *\r\n", from: watcher)
            _ = try await bench.output(of: watcher)
            await bench.script { $0.commitFailure = .refused(LeaseError(.ioError, "the disk is full")) }
            try await Self.happen(["a"], on: bench, by: client)
            #expect(try await bench.output(of: watcher) == "")
            await bench.script {
                $0.commitFailure = nil
                $0.announcing = []
            }
            try await Self.happen(["b"], on: bench, by: client)
            #expect(try await bench.output(of: watcher) == Self.message("b", pattern: "*"))
        }
    }

    @Test func failedSyncTellsNothing() async throws {
        try await EngineBench.with { bench in
            let (watcher, client) = (try await bench.connect(), try await bench.connect())
            try await bench.send("PSUBSCRIBE *\r\n", from: watcher)
            _ = try await bench.output(of: watcher)
            await bench.script { $0.commitFailure = .unknown(StoreError(.syncFailed, "the sync failed")) }
            try await Self.happen(["a"], on: bench, by: client)
            #expect(try await bench.output(of: watcher) == "")
            #expect(try await !bench.isOpen(watcher))
        }
    }

    @Test func quittersAreToldNoMore() async throws {
        try await EngineBench.with { bench in
            let watcher = try await bench.connect()
            let told = try Self.announcement("a")
            try await bench.send("HELLO 3\r\nSUBSCRIBE a\r\n", from: watcher)
            _ = try await bench.output(of: watcher)
            await bench.script { $0.announcing = [told] }
            try await bench.send("TOKEN\r\nQUIT\r\n", from: watcher)
            #expect(try await bench.output(of: watcher) == ":101\r\n+OK\r\n")
        }
    }

    // MARK: - Limits

    @Test func subscriptionsPastALimitAreRefusedWhole() async throws {
        try await EngineBench.with {
            $0.limits.subscriptionsPerConnection = 3
            $0.limits.subscriptionsPerUser = 4
            $0.limits.subscriptions = 9
            $0.limits.reservedForAdministrators = 2
        } body: { bench in
            func count(_ line: String, from client: SessionID) async throws -> String {
                try await bench.send(line + "\r\n", from: client)
                let output = try await bench.output(of: client)
                return output.hasPrefix("-BUSY ") ? "BUSY" : String(output.split(separator: "\r\n").last ?? "")
            }
            let one = try await bench.connect(uid: 1)
            #expect(try await count("SUBSCRIBE a b c d", from: one) == "BUSY")
            #expect(await bench.engine.run { $0.subscriptions.isEmpty }, "nothing was done")
            #expect(try await count("SUBSCRIBE a a b b a", from: one) == ":2", "what is there already counts once")
            #expect(try await count("PSUBSCRIBE *", from: one) == ":3")
            #expect(try await count("SUBSCRIBE d", from: one) == "BUSY")
            #expect(try await count("SUBSCRIBE a b", from: one) == ":3")
            let same = try await bench.connect(uid: 1)
            #expect(try await count("SUBSCRIBE a", from: same) == ":1")
            #expect(try await count("SUBSCRIBE b", from: same) == "BUSY", "the user has four")
            let other = try await bench.connect(uid: 2)
            #expect(try await count("SUBSCRIBE a b c", from: other) == ":3")
            let third = try await bench.connect(uid: 3)
            #expect(try await count("SUBSCRIBE a", from: third) == "BUSY", "the last two are for administrators")
            let root = try await bench.connect(uid: 0)
            #expect(try await count("SUBSCRIBE a b", from: root) == ":2")
            #expect(try await count("SUBSCRIBE c", from: root) == "BUSY")
            #expect(try await count("UNSUBSCRIBE", from: other) == ":0")
            #expect(try await count("SUBSCRIBE a", from: third) == ":1")
            #expect(await bench.engine.run { $0.counters.refusals[.busy] } == 5)
        }
    }

    @Test func differentPatternsHaveALimitOfTheirOwn() async throws {
        try await EngineBench.with {
            $0.limits.patternsPerUser = 2
            $0.limits.patterns = 4
            $0.limits.reservedForAdministrators = 1
        } body: { bench in
            func isBusy(_ line: String, from client: SessionID) async throws -> Bool {
                try await bench.send(line + "\r\n", from: client)
                return try await bench.output(of: client).hasPrefix("-BUSY ")
            }
            let one = try await bench.connect(uid: 1)
            let same = try await bench.connect(uid: 1)
            let other = try await bench.connect(uid: 2)
            let root = try await bench.connect(uid: 0)
            #expect(try await !isBusy("PSUBSCRIBE a* b*", from: one))
            #expect(try await isBusy("PSUBSCRIBE c*", from: same))
            #expect(try await !isBusy("PSUBSCRIBE a* b*", from: same), "the same patterns cost no more")
            #expect(try await isBusy("PSUBSCRIBE c* d*", from: other), "there would be four")
            #expect(try await !isBusy("PSUBSCRIBE a* c*", from: other))
            #expect(try await !isBusy("PSUBSCRIBE a* b* c*", from: root))
            #expect(try await isBusy("PSUBSCRIBE d* e*", from: root))
            #expect(try await !isBusy("PSUBSCRIBE d*", from: root), "the last one is for administrators")
            #expect(await bench.engine.run { $0.subscriptions.patternCount } == 4)
            #expect(try await !isBusy("PSUBSCRIBE d*", from: try await bench.connect(uid: 3)), "it is there already")
        }
    }

    @Test func theBytesOfAUsersPatternsAreLimited() async throws {
        try await EngineBench.with { bench in
            func isBusy(_ line: String, from client: SessionID) async throws -> Bool {
                try await bench.send(line + "\r\n", from: client)
                return try await bench.output(of: client).hasPrefix("-BUSY ")
            }
            let one = try await bench.connect(uid: 1)
            let same = try await bench.connect(uid: 1)
            func pattern(_ number: Int) -> String { "\(number)*" + String(repeating: "x", count: 1000) }
            let most = await bench.engine.run { $0.configuration.limits.patternBytesPerUser } / 1002
            for number in 0..<most {
                #expect(try await !isBusy("PSUBSCRIBE \(pattern(number % 10 + 10))\(number)", from: one))
            }
            #expect(try await isBusy("PSUBSCRIBE \(pattern(99))", from: same))
            #expect(try await !isBusy("PSUBSCRIBE a*", from: same))
            let (other, root) = (try await bench.connect(uid: 2), try await bench.connect(uid: 0))
            #expect(try await !isBusy("PSUBSCRIBE \(pattern(99))", from: other))
            for number in 0..<2 * most { #expect(try await !isBusy("PSUBSCRIBE \(pattern(number))", from: root)) }
            // Places that are given up can be used again.
            try await bench.send("PUNSUBSCRIBE\r\n", from: one)
            _ = try await bench.output(of: one)
            #expect(try await !isBusy("PSUBSCRIBE \(pattern(99))", from: same))
            for client in [one, same, other, root] {
                try await bench.turn { engine in bench.hangUp(client, on: engine) }
            }
            #expect(await bench.engine.run { $0.subscriptions.patternBytes } == 0)
        }
    }

    @Test func subscriberThatDoesNotReadIsDroppedAtItsLimitAndNobodyElse() async throws {
        try await EngineBench.with {
            $0.limits.subscriberOutputBytes = 4096
        } body: { bench in
            let (deaf, watcher, client) = (
                try await bench.connect(), try await bench.connect(), try await bench.connect()
            )
            for subscriber in [deaf, watcher] {
                try await bench.send("SUBSCRIBE a\r\n", from: subscriber)
                _ = try await bench.output(of: subscriber)
            }
            try await bench.engine.run { try bench.setStuck(true, of: deaf, on: $0) }
            var told = 0
            while try await bench.isOpen(deaf), told < 1000 {
                try await Self.happen(["a"], on: bench, by: client)
                told += 1
                #expect(try await bench.output(of: watcher) == Self.message("a"))
            }
            // Each write counts with its bytes and with the cost of keeping it.
            #expect(told == 4096 / (Self.message("a").utf8.count + 256) + 1)
            #expect(await bench.engine.run { $0.counters.droppedSubscribers } == 1)
            #expect(await bench.engine.run { $0.subscriptions.count } == 1)
            try await Self.happen(["a"], on: bench, by: client)
            #expect(try await bench.output(of: watcher) == Self.message("a"))
            try await bench.send("INFO watching\r\n", from: client)
            #expect(try await bench.output(of: client).contains("dropped_subscribers:1\r\n"))
        }
    }

    /// One turn can send more than a subscriber may leave unread: what counts is what its socket has not taken.
    @Test func subscriberThatReadsIsNotDroppedForWhatOneTurnTells() async throws {
        try await EngineBench.with {
            $0.limits.subscriberOutputBytes = 4096
            $0.limits.subscriberOutputBytesInAll = 8192
        } body: { bench in
            let (deaf, client) = (try await bench.connect(), try await bench.connect())
            var watchers: [SessionID] = []
            for _ in 0..<5 { watchers.append(try await bench.connect()) }
            for subscriber in watchers + [deaf] {
                try await bench.send("SUBSCRIBE a\r\n", from: subscriber)
                _ = try await bench.output(of: subscriber)
            }
            try await bench.engine.run { try bench.setStuck(true, of: deaf, on: $0) }
            let count = 3 * 4096 / Self.message("a").utf8.count
            try await Self.happen(Array(repeating: "a", count: count), on: bench, by: client)
            for watcher in watchers {
                #expect(try await bench.output(of: watcher) == String(repeating: Self.message("a"), count: count))
            }
            #expect(try await !bench.isOpen(deaf))
            #expect(await bench.engine.run { $0.counters.droppedSubscribers } == 1)
            #expect(await bench.engine.run { $0.backlog.total } == 0)
        }
    }

    @Test func subscriberThatReadsAgainHasItsRoomBack() async throws {
        try await EngineBench.with {
            $0.limits.subscriberOutputBytes = 4096
        } body: { bench in
            let (watcher, client) = (try await bench.connect(), try await bench.connect())
            try await bench.send("SUBSCRIBE a\r\n", from: watcher)
            _ = try await bench.output(of: watcher)
            for _ in 0..<20 {
                try await bench.engine.run { try bench.setStuck(true, of: watcher, on: $0) }
                for _ in 0..<8 {
                    try await Self.happen(["a"], on: bench, by: client)
                }
                try await bench.engine.run { try bench.setStuck(false, of: watcher, on: $0) }
                let output = try await bench.output(of: watcher)
                #expect(output == String(repeating: Self.message("a"), count: 8))
            }
            #expect(await bench.engine.run { $0.counters.droppedSubscribers } == 0)
            #expect(await bench.engine.run { $0.backlog.total } == 0)
        }
    }

    @Test func deafSubscribersTogetherAreDroppedPastTheLimitOfAllAndReadersStay() async throws {
        try await EngineBench.with {
            $0.limits.subscriberOutputBytesInAll = 8192
        } body: { bench in
            let (watcher, client) = (try await bench.connect(), try await bench.connect())
            var deaf: [SessionID] = []
            for _ in 0..<10 { deaf.append(try await bench.connect()) }
            for subscriber in deaf + [watcher] {
                try await bench.send("SUBSCRIBE a\r\n", from: subscriber)
                _ = try await bench.output(of: subscriber)
            }
            for subscriber in deaf {
                try await bench.engine.run { try bench.setStuck(true, of: subscriber, on: $0) }
            }
            for _ in 0..<100 {
                try await Self.happen(["a"], on: bench, by: client)
                #expect(try await bench.output(of: watcher) == Self.message("a"))
                #expect(await bench.engine.run { $0.backlog.total } < 2 * 8192)
            }
            #expect(await bench.engine.run { $0.counters.droppedSubscribers } == 10)
            #expect(await bench.engine.run { $0.backlog.total } == 0)
            #expect(try await bench.isOpen(watcher))
        }
    }

    @Test func messagesOfOneTurnOverTheLimitDropTheSubscriberToo() async throws {
        try await EngineBench.with {
            $0.limits.subscriberOutputBytes = 4096
        } body: { bench in
            let (watcher, client) = (try await bench.connect(), try await bench.connect())
            try await bench.send("SUBSCRIBE a\r\n", from: watcher)
            _ = try await bench.output(of: watcher)
            try await bench.engine.run { try bench.setStuck(true, of: watcher, on: $0) }
            try await Self.happen(Array(repeating: "a", count: 100), on: bench, by: client)
            #expect(try await bench.output(of: watcher) == "")
            #expect(try await !bench.isOpen(watcher))
            #expect(await bench.engine.run { $0.sessions.count } == 1)
        }
    }
}
