import LeaseCore
import LeaseStore
import Testing

@testable import LeaseServer

/// Values beside leases: written in the turn's batch, and listed beside the loop.
@Suite struct EngineStoreTests {
    private let refusal = CommitFailure.refused(LeaseError(.ioError, "the disk is full"))

    @Test func aRefusedBatchRefusesItsWritesAndTheReadsThatRestOnThem() async throws {
        try await EngineBench.with { bench in
            let writer = try await bench.connect()
            let holder = try await bench.connect()
            await bench.script { $0.commitFailure = refusal }
            try await bench.turn { engine in
                bench.receive("PUT k v\r\nGET k\r\nPING\r\n", from: writer, on: engine)
                bench.receive("ACQUIRE a 30s\r\n", from: holder, on: engine)
            }
            // One batch: the lease in it is refused, too.
            #expect(await bench.script { $0.calls.filter { $0 == .commit(2) }.count } == 1)
            let refused = "-IOERR the disk is full\r\n"
            #expect(try await bench.output(of: writer) == refused + refused + "+PONG\r\n")
            #expect(try await bench.output(of: holder) == refused)
            await bench.script { $0.commitFailure = nil }
            try await bench.send("PUT k v\r\nGET k\r\n", from: writer)
            #expect(try await bench.output(of: writer) == "+OK\r\n$1\r\nv\r\n")
        }
    }

    @Test(arguments: [
        ("PUT k v", "+OK\r\n"), ("DELETE k", ":0\r\n"), ("PREFIX APPEND k c", "+OK\r\n"),
        ("PREFIX REMOVE k c", ":0\r\n"),
    ]) func aConditionGoesToTheStoreAndItsRefusalToTheClient(command: String, done: String) async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("\(command) IF a 7\r\n\(command)\r\n", from: client)
            #expect(try await bench.output(of: client) == done + done)
            let held = LeaseGuard(lease: try LeaseName("a"), token: Token(rawValue: 7)!)
            #expect(await bench.script { $0.guards } == [held, nil])
            await bench.script {
                $0.isGuardOver = true
                $0.calls = []
            }
            try await bench.send("\(command) IF a 7\r\nPING\r\n", from: client)
            #expect(try await bench.output(of: client) == "-EXPIRED the tenure is over\r\n+PONG\r\n")
            #expect(await bench.script { $0.calls } == [])
            #expect(await bench.engine.run { $0.counters.refusals[.expired] } == 1)
        }
    }

    // MARK: - Lists

    @Test func soManyListsAreReadAtATimeAndTheNextWhenOneHasEnded() async throws {
        try await EngineBench.with { bench in
            var clients: [SessionID] = []
            for _ in 0..<7 {
                let client = try await bench.connect()
                clients.append(client)
                try await bench.send("LEASES\r\n", from: client)
            }
            let most = Engine.mostReads
            #expect(most < Ledger.readers)
            try await bench.settle { ($0.backend as! ScriptedBackend).reads.count == most }
            // The other lists wait, and cause no work.
            let calls = await bench.script { $0.calls.count }
            try await bench.turns(50)
            #expect(await bench.script { $0.calls.count } == calls)
            #expect(await bench.engine.run { $0.listings.waiting.count } == 7 - most)
            for ended in 1...7 {
                await bench.script { $0.endRead() }
                let underWay = min(most, 7 - ended)
                try await bench.settle { ($0.backend as! ScriptedBackend).reads.count == underWay }
                try await bench.settle { $0.listings.readsUnderWay == underWay }
                try await bench.turns(1)
                #expect(try await bench.output(of: clients[ended - 1]) == "*0\r\n")
            }
            #expect(await bench.script { $0.queries.count } == 7)
        }
    }

    /// Thousands of lists of one user take one place in the line.
    @Test func usersTakeTurnsWithTheirListsAndAdministratorsComeFirst() async throws {
        try await EngineBench.with { bench in
            func ask(_ prefix: String, uid: UInt32) async throws {
                try await bench.send("LEASES PREFIX \(prefix)\r\n", from: try await bench.connect(uid: uid))
            }
            for index in 0..<20 { try await ask("flood\(index)", uid: 1000) }
            let most = Engine.mostReads
            try await bench.settle { ($0.backend as! ScriptedBackend).reads.count == most }
            for index in 0..<2 { try await ask("b\(index)", uid: 1001) }
            try await ask("c", uid: 1002)
            try await ask("root", uid: 0)
            for begun in (most + 1)...(most + 7) {
                await bench.script { $0.endRead() }
                try await bench.settle { ($0.backend as! ScriptedBackend).pages.count == begun }
            }
            let order = await bench.script { $0.pages.map { String(decoding: $0.prefix, as: UTF8.self) } }
            #expect(
                order == (0..<most).map { "flood\($0)" }
                    + ["root", "b0", "c", "flood\(most)", "b1", "flood\(most + 1)", "flood\(most + 2)"]
            )
            while await bench.script({ !$0.reads.isEmpty }) {
                await bench.script { $0.endRead() }
                try await bench.turns(3)
            }
            try await bench.settle { $0.listings.isEmpty && $0.listings.turns.isEmpty }
        }
    }

    /// While a list of any length is read beside the loop, a lease is handed over as without it: each step takes one
    /// turn and one commit.
    @Test(arguments: [false, true]) func aLeaseIsHandedOverTurnByTurnWhileALongListIsRead(isListing: Bool) async throws
    {
        try await EngineBench.with { bench in
            let lister = try await bench.connect()
            let holders = [try await bench.connect(), try await bench.connect()]
            if isListing {
                try await bench.send("KEYS LIST\r\n", from: lister)
                try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            }
            await bench.script { $0.calls = [] }
            for step in 0..<200 {
                try await bench.send("RELEASE a 100\r\nACQUIRE a 30s\r\n", from: holders[step % 2])
                #expect(try await bench.output(of: holders[step % 2]) == "+OK\r\n:\(101 + step)\r\n", "step \(step)")
            }
            let calls = await bench.script { $0.calls.filter { $0 != .fold } }
            #expect(calls == (0..<200).flatMap { _ in [.perform("a"), .perform("a"), .commit(2)] })
            if isListing {
                #expect(try await bench.output(of: lister) == "")
                await bench.script { $0.endRead() }
                try await bench.turns(2)
                #expect(try await bench.output(of: lister) == "*0\r\n")
            }
        }
    }
}
