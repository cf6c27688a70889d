import LeaseCore
import LeaseStore
import NIOCore
import NIOEmbedded
import Testing

@testable import LeaseServer

/// What one turn does, and in which order.
@Suite struct EngineTurnTests {
    /// The number of events in each commit of the scripted store.
    private func commitSizes(of bench: EngineBench) async -> [Int] {
        await bench.script { store in
            store.calls.compactMap { call in if case .commit(let count) = call { count } else { nil } }
        }
    }

    @Test func commandsOfATurnAreOneCommitAndAllRepliesComeAfterIt() async throws {
        try await EngineBench.with { bench in
            var clients: [SessionID] = []
            for _ in 0..<5 { clients.append(try await bench.connect()) }
            let all = clients
            try await bench.turn { engine in
                for (index, client) in all.enumerated() {
                    bench.receive("ACQUIRE lease\(index) 30s\r\n", from: client, on: engine)
                    bench.atNextFlush(of: client, on: engine) {
                        engine.assumeIsolated { ($0.backend as! ScriptedBackend).calls.append(.replied) }
                    }
                }
            }
            let performs = (0..<5).map { ScriptedBackend.Call.perform("lease\($0)") }
            let replies = [ScriptedBackend.Call](repeating: .replied, count: 5)
            #expect(await bench.script { $0.calls } == performs + [.commit(5)] + replies)
            for (index, client) in clients.enumerated() {
                #expect(try await bench.output(of: client) == ":\(101 + index)\r\n")
            }
        }
    }

    /// A command that arrives after a turn of one client gets a separate commit; a turn of several looks at the sockets
    /// again.
    @Test(arguments: [(clients: 1, commits: [1, 1]), (clients: 2, commits: [3])])
    func whoComesWhileATurnOfSeveralLooksAgainSharesItsCommit(clients: Int, commits: [Int]) async throws {
        try await EngineBench.with { bench in
            var first: [SessionID] = []
            for _ in 0..<clients { first.append(try await bench.connect()) }
            let all = first
            let late = try await bench.connect()
            try await bench.turn { engine in
                for (index, client) in all.enumerated() {
                    bench.receive("ACQUIRE lease\(index) 30s\r\n", from: client, on: engine)
                }
                // After the end of the turn, which is already scheduled.
                engine.onLoop { bench.receive("ACQUIRE late 30s\r\n", from: late, on: $0) }
            }
            try await bench.turns(1)
            #expect(await commitSizes(of: bench) == commits)
            #expect(try await bench.output(of: late) == ":\(101 + clients)\r\n")
        }
    }

    @Test func turnWaitsForNobodyElseOnceAllOfTheTurnsBeforeAreThere() async throws {
        try await EngineBench.with { bench in
            let regulars = [try await bench.connect(), try await bench.connect()]
            let late = try await bench.connect()
            for round in 0..<2 {
                try await bench.turn { engine in
                    for (index, client) in regulars.enumerated() {
                        bench.receive("ACQUIRE lease\(round)\(index) 30s\r\n", from: client, on: engine)
                    }
                }
            }
            try await bench.turn { engine in
                for (index, client) in regulars.enumerated() {
                    bench.receive("ACQUIRE lease2\(index) 30s\r\n", from: client, on: engine)
                }
                engine.onLoop { bench.receive("ACQUIRE late 30s\r\n", from: late, on: $0) }
            }
            try await bench.turns(1)
            #expect(await commitSizes(of: bench) == [2, 2, 2, 1])
        }
    }

    @Test func nothingDecidedCostsNoCommit() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("PING\r\nECHO a\r\nCLIENT ID\r\n", from: client)
            #expect(try await bench.output(of: client) == "+PONG\r\n$1\r\na\r\n:1\r\n")
            #expect(await bench.script { $0.calls } == [])
        }
    }

    @Test func repliesKeepTheOrderOfTheCommandsWhateverTheyRestOn() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send(
                "ACQUIRE a 30s\r\nPING\r\nTOKEN\r\nNOSUCH\r\nRELEASE a 101\r\nPING b\r\n",
                from: client
            )
            let lines = try await bench.output(of: client).split(separator: "\r\n")
            #expect(lines.count == 7)
            #expect(lines[0...2] == [":101", "+PONG", ":102"])
            #expect(lines[3].hasPrefix("-ERR "))
            #expect(lines[4...] == ["+OK", "$1", "b"])
        }
    }

    @Test func commandInPiecesIsDoneOnceItIsWhole() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            for byte in "*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n" {
                #expect(try await bench.output(of: client) == "")
                try await bench.send(String(byte), from: client)
            }
            #expect(try await bench.output(of: client) == "$2\r\nhi\r\n")
        }
    }

    @Test func nothingIsDoneAfterQuit() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("ACQUIRE a 30s\r\nQUIT\r\nACQUIRE b 30s\r\n", from: client)
            #expect(try await bench.output(of: client) == ":101\r\n+OK\r\n")
            #expect(try await !bench.isOpen(client))
            #expect(await bench.script { $0.calls } == [.perform("a"), .commit(1)])
            #expect(await bench.engine.run { $0.sessions.isEmpty })
        }
    }

    @Test func nothingIsDoneAfterAProtocolError() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("ACQUIRE a 30s\r\n*1\r\n!\r\nACQUIRE b 30s\r\n", from: client)
            try await bench.send("ACQUIRE c 30s\r\n", from: client)
            let output = try await bench.output(of: client)
            #expect(output.hasPrefix(":101\r\n-ERR Protocol error: "))
            #expect(output.split(separator: "\r\n").count == 2)
            #expect(try await !bench.isOpen(client))
            #expect(await bench.script { $0.calls } == [.perform("a"), .commit(1)])
            #expect(await bench.engine.run { $0.counters.protocolErrors } == 1)
        }
    }

    // MARK: Half-closed connections

    @Test func whatAHalfClosedConnectionSentIsAnsweredThenItIsClosed() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.turn { engine in
                bench.receive("ACQUIRE a 30s\r\nPING\r\nACQ", from: client, on: engine)
                bench.closeInput(of: client, on: engine)
            }
            #expect(try await bench.output(of: client) == ":101\r\n+PONG\r\n")
            #expect(try await !bench.isOpen(client))
            #expect(await bench.engine.run { $0.sessions.isEmpty })
        }
    }

    // MARK: Clients that do not read

    @Test func clientThatTakesNoRepliesIsNotReadAndNotServedUntilItDoes() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.turn { engine in
                bench.setWritable(false, of: client, on: engine)
                bench.receive("PING\r\n", from: client, on: engine)
            }
            #expect(await !bench.isRead(client))
            try await bench.turn { engine in bench.setWritable(true, of: client, on: engine) }
            #expect(await bench.isRead(client))
        }
    }

    /// The reply to `COMMAND DOCS` is some kilobytes for a line of thirteen bytes.
    private let flood = String(repeating: "COMMAND DOCS\r\n", count: 200) + "ACQUIRE a 30s\r\n"

    @Test func floodOfRepliesIsCutAndGoesOnWhereItWasCut() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.turn { engine in
                bench.receive(flood, from: client, on: engine)
                bench.setWritable(false, of: client, on: engine)
            }
            let first = try await bench.output(of: client)
            #expect(first.utf8.count > 1 << 20)
            #expect(first.utf8.count < 2 << 20)
            try await bench.turns(3)
            #expect(try await bench.output(of: client) == "")
            try await bench.turn { engine in bench.setWritable(true, of: client, on: engine) }
            try await bench.settle { !($0.sessions.values.first?.isCut ?? true) }
            try await bench.turns(2)
            let rest = try await bench.output(of: client)
            #expect(rest.hasSuffix(":101\r\n"))
            let one = try await Self.docs(bench)
            #expect((first + rest).utf8.count == 200 * one.utf8.count + 6)
        }
    }

    private static func docs(_ bench: EngineBench) async throws -> String {
        let client = try await bench.connect()
        try await bench.send("COMMAND DOCS\r\n", from: client)
        return try await bench.output(of: client)
    }

    @Test func cutFloodOfAHalfClosedConnectionIsAnsweredToTheEnd() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.turn { engine in
                bench.receive(flood, from: client, on: engine)
                bench.closeInput(of: client, on: engine)
            }
            try await bench.settle { $0.sessions.isEmpty }
            #expect(try await bench.output(of: client).hasSuffix(":101\r\n"))
        }
    }

    // MARK: Clients that send without end

    @Test func aFloodOfCommandsIsCutAndGoesOnInItsOrder() async throws {
        try await EngineBench.with { bench in
            let (flooder, other) = (try await bench.connect(), try await bench.connect())
            let most = TurnLoad.wholeShare.commands
            let count = 2 * most + 100
            let flood = (0..<count).map { "ECHO \($0)\r\n" }.joined()
            try await bench.turn { engine in
                bench.receive(flood, from: flooder, on: engine)
                bench.receive("PING\r\n", from: other, on: engine)
                // Others are served in the turn; the rest of the flood follows in the next turns.
                #expect(engine.counters.commands == Int64(most) + 1)
            }
            #expect(try await bench.output(of: other) == "+PONG\r\n")
            try await bench.settle { engine in
                engine.counters.commands == Int64(count) + 1 && engine.sessions.values.allSatisfy { !$0.isCut }
            }
            try await bench.turns(2)
            let echoed = try await bench.output(of: flooder).split(separator: "\r\n").filter { !$0.hasPrefix("$") }
            #expect(echoed.map { Int($0) } == (0..<count).map { $0 })
            #expect(await bench.isRead(flooder))
        }
    }

    /// Empty frames do nothing, but finding them takes time.
    @Test(arguments: ["\r\n", "*0\r\n", "*-1\r\n", " \n"]) func emptyFramesHaveAShareOfTheTurn(_ frame: String)
        async throws
    {
        try await EngineBench.with { bench in
            let flooder = try await bench.connect()
            let flood = String(repeating: frame, count: 2 * TurnLoad.wholeShare.commands)
            try await bench.turn { engine in
                bench.receive(flood + "PING\r\n", from: flooder, on: engine)
                #expect(engine.sessions[flooder]?.isCut == true)
                #expect(engine.counters.commands == 0)
            }
            try await bench.settle { $0.sessions[flooder]?.isCut == false }
            try await bench.turns(2)
            #expect(try await bench.output(of: flooder) == "+PONG\r\n")
        }
    }

    /// Removing children takes time, and so does finding that there are too many.
    @Test(arguments: [true, false]) func theChildrenOfAKeyThatIsRemovedCountForTheTurn(_ isRefused: Bool) async throws {
        let count = TurnLoad.argumentsOfACommand * TurnLoad.wholeShare.commands
        func configure(_ configuration: inout ServerConfiguration) {
            if isRefused { configuration.limits.removedChildren = count - 1 }
        }
        try await EngineBench.withLedger(configure) { bench in
            let client = try await bench.connect()
            for start in stride(from: 0, to: count, by: 32_000) {
                var words = ["IMPORT", "KEY", "k"]
                for child in start..<min(start + 32_000, count) { words += ["CHILD", "\(child)"] }
                let command = "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
                try await bench.send(command, from: client)
                #expect(try await bench.output(of: client) == "+OK\r\n")
            }
            try await bench.turn { engine in
                bench.receive("KEYS REMOVE k\r\nPING\r\n", from: client, on: engine)
                #expect(engine.sessions[client]?.isCut == true)
            }
            try await bench.turns(2)
            let output = try await bench.output(of: client)
            #expect(output.hasPrefix(isRefused ? "-TOOBIG " : ":1\r\n") && output.hasSuffix("+PONG\r\n"), "\(output)")
        }
    }

    @Test func whoSendsFasterThanItsShareIsNotReadOn() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let flood = String(repeating: "PING\r\n", count: 30 * TurnLoad.wholeShare.commands)
            try await bench.turn { engine in bench.receive(flood, from: client, on: engine) }
            #expect(await !bench.isRead(client))
            try await bench.settle { $0.sessions[client]?.isCut == false }
            try await bench.turns(2)
            #expect(await bench.isRead(client))
        }
    }

    @Test func manyFloodsAtOnceHaveSmallShares() async throws {
        try await EngineBench.with { bench in
            var clients: [SessionID] = []
            for _ in 0..<20 { clients.append(try await bench.connect()) }
            let all = clients
            let flood = String(repeating: "PING\r\n", count: TurnLoad.wholeShare.commands)
            try await bench.turn { engine in
                for client in all { bench.receive(flood, from: client, on: engine) }
                let full = TurnLoad.most.commands / TurnLoad.wholeShare.commands
                let rest = (all.count - full) * TurnLoad.leastShare.commands
                #expect(engine.counters.commands == Int64(TurnLoad.most.commands + rest))
            }
            try await bench.settle { $0.sessions.values.allSatisfy { !$0.isCut } }
            try await bench.turns(2)
            for client in clients {
                #expect(try await bench.output(of: client).utf8.count == 7 * TurnLoad.wholeShare.commands)
            }
        }
    }

    @Test func aCommandWithManyArgumentsCountsForSeveral() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let keys = TurnLoad.argumentsOfACommand * (TurnLoad.wholeShare.commands / 4)
            let frame = "*\(keys + 2)\r\n$4\r\nKEYS\r\n$6\r\nREMOVE\r\n" + String(repeating: "$1\r\nk\r\n", count: keys)
            let flood = String(repeating: frame, count: 10)
            try await bench.turn { engine in
                bench.receive(flood, from: client, on: engine)
                #expect(engine.counters.commands == 4)
            }
            try await bench.settle { $0.counters.commands == 10 && $0.sessions[client]?.isCut == false }
            try await bench.turns(2)
            #expect(try await bench.output(of: client) == String(repeating: ":0\r\n", count: 10))
        }
    }

    @Test func whatEachEventIsComparedWithMakesTheSharesSmaller() {
        let whole = TurnLoad.wholeShare
        var load = TurnLoad()
        #expect(load.share(patternBytes: 0) == whole)
        #expect(load.share(patternBytes: TurnLoad.patternBytesOfACommand - 1) == whole)
        #expect(load.share(patternBytes: 3 * TurnLoad.patternBytesOfACommand).commands == whole.commands / 4)
        #expect(load.share(patternBytes: 1 << 30).commands == TurnLoad.leastShare.commands)
        load.add(commands: TurnLoad.most.commands / 4, replyBytes: 0)
        #expect(load.share(patternBytes: 0) == whole)
        #expect(load.share(patternBytes: 3 * TurnLoad.patternBytesOfACommand) == TurnLoad.leastShare)
        load.add(commands: 0, replyBytes: TurnLoad.most.replyBytes)
        #expect(load.share(patternBytes: 0) == TurnLoad.leastShare)
    }

    /// Every wave is cut within a turn, with a request on a lease after it, while the journal waits to be folded.
    @Test func foldingIsNeverInTheMiddleOfABatch() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            await bench.script { $0.addBacklog(Schedule.foldBacklog + 10 * Int64(Schedule.foldSlice)) }
            try await bench.turn { engine in bench.receive(flood, from: client, on: engine) }
            try await bench.settle { !($0.sessions.values.first?.isCut ?? true) }
            try await bench.turns(2)
            let calls = await bench.script { $0.calls }
            #expect(calls.contains(.fold))
            #expect(calls.contains(.perform("a")))
        }
    }

    /// Each row of a slice is about a different lease, and a paced slice writes few.
    @Test(.timeLimit(.minutes(2))) func whoRenewsManyLeasesAllTheTimeDoesNotLetTheBacklogGrowWithoutEnd() async throws {
        try await EngineBench.withLedger { bench in
            let client = try await bench.connect(uid: 0)
            let names = (0..<3000).map { "lease \($0)" }
            var tokens: [Int64] = []
            var most: Int64 = 0
            for round in 0..<30 {
                let commands = names.indices.map { index in
                    let name = "'\(names[index])'"
                    return round == 0 ? "ACQUIRE \(name) 1h\r\n" : "RENEW \(name) \(tokens[index]) 1h\r\n"
                }
                try await bench.send(commands.joined(), from: client)
                try await bench.settle { $0.deferred.isEmpty && $0.sessions[client]?.input.readableBytes == 0 }
                tokens = try await bench.output(of: client).split(separator: "\r\n")
                    .compactMap { Int64($0.dropFirst()) }
                #expect(tokens.count == names.count)
                most = max(most, await bench.engine.run { $0.backend.foldBacklog })
            }
            #expect(most <= Schedule.mostBacklog(leases: names.count) + Int64(names.count))
        }
    }

    @Test func bytesThatComeOutOfAFailingWriteAreDoneAfterTheTurn() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            await bench.script { $0.addBacklog(Schedule.foldBacklog + 1) }
            try await bench.turn { engine in
                // A socket that fails to write is drained first, and then closed.
                bench.atNextFlush(of: client, on: engine) {
                    engine.assumeIsolated { engine in
                        bench.receive("RELEASE a 101\r\n", from: client, on: engine)
                        bench.hangUp(client, on: engine)
                    }
                }
                bench.receive("ACQUIRE a 30s\r\n", from: client, on: engine)
            }
            try await bench.settle { !$0.backend.hasBatch && $0.backend.foldBacklog < Schedule.foldBacklog }
            try await bench.turns(4)
            let calls = await bench.script { $0.calls }
            #expect(calls.filter { $0 == .perform("a") }.count == 2)
            #expect(calls.filter { $0 == .commit(1) }.count == 2)
        }
    }

    // MARK: Work that is left over

    /// Work that a turn leaves over waits until the loop has looked at the sockets: it does not while it has tasks to
    /// run.
    @Test func longFoldingLetsTheSocketsBeSeenTo() async throws {
        try await EngineBench.with { bench in
            await bench.script { $0.addBacklog(Schedule.foldBacklog + 20 * Int64(Schedule.foldSlice)) }
            let folds = await withCheckedContinuation { continuation in
                bench.engine.onLoop { engine in
                    engine.scheduleTurn()
                    Self.afterExecuting(50, on: engine) { engine in
                        let calls = (engine.backend as! ScriptedBackend).calls
                        continuation.resume(returning: calls.count { $0 == .fold })
                    }
                }
            }
            #expect(folds == 1)
            try await bench.settle { $0.backend.foldBacklog <= Schedule.foldBacklog }
        }
    }

    /// Calls `last` after `count` rounds of tasks on the loop, without a look at the sockets in between.
    private static func afterExecuting(
        _ count: Int,
        on engine: isolated Engine,
        _ last: @escaping @Sendable (isolated Engine) -> Void
    ) {
        guard count > 0 else { return last(engine) }
        engine.onLoop { afterExecuting(count - 1, on: $0, last) }
    }

    // MARK: Connections

    @Test func connectionThatClosesBeforeItIsActiveIsForgotten() async throws {
        try await EngineBench.with { bench in
            try await bench.turn { engine in
                let channel = EmbeddedChannel()
                let peer = PeerCredentials(uid: 1, gid: 1, pid: 1)
                guard case .admitted(let id) = engine.connected(channel, peer: peer) else { return }
                try channel.pipeline.syncOperations.addHandler(SessionHandler(engine: engine, session: id))
                channel.close(promise: nil)
                channel.embeddedEventLoop.run()
            }
            #expect(await bench.engine.run { $0.counters.connections } == 1)
            #expect(await bench.engine.run { $0.sessions.isEmpty })
        }
    }
}
