import LeaseCore
import Synchronization
import NIOCore
import Testing

@testable import LeaseServer
@testable import LeaseStore

/// What the engine does when the store refuses, and when nobody knows what the store holds.
@Suite struct EngineFailureTests {
    private let refusal = CommitFailure.refused(LeaseError(.ioError, "the disk is full"))
    private let unknown = CommitFailure.unknown(StoreError(.syncFailed, "the sync failed"))

    @Test func refusedCommitTurnsOnlyWhatRestedOnItIntoErrors() async throws {
        try await EngineBench.with { bench in
            let one = try await bench.connect()
            let other = try await bench.connect()
            await bench.script { $0.commitFailure = refusal }
            try await bench.turn { engine in
                bench.receive("PING\r\nACQUIRE a 30s\r\nPING x\r\nHOLDER a\r\n", from: one, on: engine)
                bench.receive("ECHO y\r\n", from: other, on: engine)
            }
            let refused = "-IOERR the disk is full\r\n"
            #expect(try await bench.output(of: one) == "+PONG\r\n\(refused)$1\r\nx\r\n\(refused)")
            #expect(try await bench.output(of: other) == "$1\r\ny\r\n")
            await bench.script { $0.commitFailure = nil }
            try await bench.send("TOKEN\r\n", from: one)
            #expect(try await bench.output(of: one).hasPrefix(":"))
            #expect(await bench.engine.run { $0.counters.refusedCommits } == 1)
            #expect(await bench.engine.run { $0.counters.refusals[.ioError] } == 2, "as many as were answered so")
            #expect(bench.reportedFailures == [])
        }
    }

    @Test(arguments: [true, false])
    func whatWasNotCommittedIsNotLoggedAsDone(isRefused: Bool) async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect(uid: 1000)
            let administrator = try await bench.connect(uid: 0)
            _ = try await bench.acquire("a 30s", by: holder)
            let refused = "-IOERR the disk is full\r\n"
            let end = bench.clock.now().wall.milliseconds + 60_000
            try await bench.turn { engine in
                let entry = "IMPORT KEY b LEASE \(EntryLease.highestToken) \(end)\r\n"
                bench.receive("REVOKE a\r\n" + entry, from: administrator, on: engine)
                if isRefused { bench.refuseCommit(on: engine) }
            }
            let replies = try await bench.output(of: administrator)
            #expect(replies == (isRefused ? refused + refused : ":1\r\n+OK\r\n"))
            let messages = bench.log.messages
            #expect(messages.contains("lease revoked by another user") == !isRefused)
            #expect(messages.contains("an imported token is ahead of the wall clock") == !isRefused)
        }
    }

    @Test func aConnectionThatIsToBeClosedStaysSoWhenItIsGone() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.turn { engine in
                guard let session = engine.sessions[client] else { return }
                session.input.writeString("TOKEN\r\n")
                session.isEnding = true
                engine.deferCommands(of: session)
                engine.disconnected(client)
            }
            try await bench.turns(2)
            #expect(await bench.script { $0.calls.contains(.token) } == false)
        }
    }

    @Test func theStatusTellsThatTheStoreRefuses() async throws {
        try await EngineBench.with { bench in
            let told = Mutex<[String]>([])
            let client = try await bench.connect()
            try await bench.turn { $0.reportStatus { status in told.withLock { $0.append("\(status)") } } }
            for failure in [refusal, nil] {
                await bench.script { $0.commitFailure = failure }
                try await bench.send("TOKEN\r\n", from: client)
                try await bench.advance(by: Schedule.tellDelay)
            }
            let figures = "0 leases held, 1 connection"
            #expect(told.withLock { $0 } == [figures, "\(figures); the store refuses commits", figures])
        }
    }

    @Test func failedSyncAnswersNobodyClosesAllAndIsReportedOnce() async throws {
        try await EngineBench.with { bench in
            let one = try await bench.connect()
            let other = try await bench.connect()
            await bench.script { $0.commitFailure = unknown }
            try await bench.turn { engine in
                bench.receive("PING\r\nACQUIRE a 30s\r\n", from: one, on: engine)
                bench.receive("PING\r\n", from: other, on: engine)
                engine.ping {}
            }
            try await bench.turns(5)
            for client in [one, other] {
                #expect(try await bench.output(of: client) == "")
                #expect(try await !bench.isOpen(client))
            }
            #expect(bench.reportedFailures == [.syncFailed])
            #expect(await bench.script { $0.calls } == [.perform("a"), .commit(1), .abandon])
            // Nobody is answered from now on, and the loop no longer calls the engine.
            await #expect(throws: ChannelError.self) { try await bench.connect() }
            #expect(await bench.engine.run { $0.timer == nil && $0.wakeUp == nil })
        }
    }

    @Test(arguments: [true, false])
    func failedSyncOfAFoldEndsAllToo(forAList: Bool) async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            await bench.script {
                $0.addBacklog(Schedule.foldBacklog + 1)
                $0.foldFailure = unknown
            }
            try await bench.send(forAList ? "LEASES\r\n" : "CLIENT ID\r\n", from: client)
            try await bench.turns(5)
            #expect(bench.reportedFailures == [.syncFailed])
            #expect(try await !bench.isOpen(client))
            let calls = await bench.script { $0.calls }
            #expect(calls == [.fold, .abandon])
        }
    }

    @Test func storeThatDoesNotAnswerStopsTheWatchdog() async throws {
        try await EngineBench.with { bench in
            await bench.script { $0.pingFailure = refusal }
            let pongs = Pongs()
            try await bench.turn { engine in engine.ping { pongs.add() } }
            #expect(pongs.count == 0)
            await bench.script { $0.pingFailure = nil }
            try await bench.turn { engine in engine.ping { pongs.add() } }
            #expect(pongs.count == 1)
            #expect(await bench.script { $0.calls } == [.ping, .ping])
        }
    }

    @Test func watchdogIsAnsweredAfterTheCommitOfItsTurn() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.turn { engine in
                engine.ping { engine.assumeIsolated { ($0.backend as! ScriptedBackend).calls.append(.replied) } }
                bench.receive("TOKEN\r\n", from: client, on: engine)
            }
            #expect(await bench.script { $0.calls } == [.token, .commit(1), .ping, .replied])
        }
    }

    // MARK: Ends by time

    @Test func endsComeInSlicesAndClientsAreServedBetweenThem() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let now = bench.clock.now().boot
            let slice = Schedule.sweepSlice
            await bench.script { $0.ends = [BootInstant](repeating: now, count: slice * 2 + 1) }
            try await bench.send("TOKEN\r\n", from: client)
            try await bench.settle { $0.backend.earliestDue() == nil }
            try await bench.turns(1)
            let calls = await bench.script { $0.calls }
            #expect(
                calls == [
                    .token, .expire(slice), .commit(slice + 1), .expire(slice), .commit(slice), .expire(1), .commit(1),
                ]
            )
        }
    }

    @Test func refusedEndsAreTriedAgainAfterTheDelayAndNotBefore() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let now = bench.clock.now().boot
            await bench.script {
                $0.ends = [now]
                $0.commitFailure = refusal
            }
            try await bench.send("PING\r\n", from: client)
            for _ in 0..<20 { try await bench.send("PING\r\n", from: client) }
            #expect(await bench.script { $0.calls } == [.expire(1), .commit(1)])
            bench.clock.advance(by: Schedule.retryDelay)
            await bench.script { $0.commitFailure = nil }
            try await bench.send("PING\r\n", from: client)
            #expect(await bench.script { $0.calls } == [.expire(1), .commit(1), .expire(1), .commit(1)])
        }
    }

    // MARK: The end

    @Test func drainAnswersWhatWasReceivedAndNothingThatComesLater() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let idle = try await bench.connect()
            await bench.engine.run { engine in bench.receive("ACQUIRE a 30s\r\n", from: client, on: engine) }
            try await bench.engine.drain()
            #expect(try await bench.output(of: client) == ":101\r\n")
            #expect(try await !bench.isOpen(client))
            #expect(try await !bench.isOpen(idle))
            await #expect(throws: LeaseError.self) { try await bench.connect() }
        }
    }

    @Test func failureWhileClientsAreWaitedForEndsTheDrain() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("LEASES\r\n", from: client)
            async let drained = Result { try await bench.engine.drain() }
            try await bench.settle { $0.state != .running }
            await bench.script {
                $0.commitFailure = unknown
                $0.ends = [bench.clock.now().boot]
            }
            try await bench.turn { engine in engine.scheduleTurn() }
            let result = await drained
            #expect(throws: StoreError.self) { try result.get() }
        }
    }

    @Test func failureBeforeTheDrainIsTold() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            await bench.script { $0.commitFailure = unknown }
            try await bench.send("TOKEN\r\n", from: client)
            await #expect(throws: StoreError.self) { try await bench.engine.drain() }
        }
    }

    @Test func turnsAfterTheStoreIsClosedDoNotTouchIt() async throws {
        try await EngineBench.with { bench in
            await bench.script { $0.addBacklog(Schedule.foldBacklog * 2) }
            try await bench.engine.drain()
            try await bench.engine.close()
            try await bench.turn { engine in
                engine.ping {}
                engine.scheduleTurn()
            }
            try await bench.turns(5)
            #expect(await bench.script { $0.calls.last } == .close)
        }
    }
}

/// A counter that closures on any thread may increment.
final class Pongs: Sendable {
    private let value = Atomic<Int>(0)

    var count: Int { value.load(ordering: .acquiring) }

    func add() { value.add(1, ordering: .acquiringAndReleasing) }
}

extension Result where Failure == any Error {
    /// The outcome of `body`.
    init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
