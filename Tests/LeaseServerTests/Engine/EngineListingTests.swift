import LeaseCore
import LeaseStore
import Testing

@testable import LeaseServer
@testable import LeaseStore

/// `LEASES`: what precedes the list, and how it ends.
@Suite struct EngineListingTests {
    private let refusal = CommitFailure.refused(LeaseError(.ioError, "the disk is full"))

    private func tenures(_ count: Int, owner: String = "me") throws -> [(name: LeaseName, tenure: Tenure)] {
        let now = ManualClock().now()
        let holder = Holder(uid: 1, gid: 1, pid: 1, owner: try Label(owner))
        return try (0..<count).map { index in
            let tenure = Tenure(
                fence: Token(rawValue: 5)!,
                token: Token(rawValue: 5)!,
                holder: holder,
                ttl: try TTL(.seconds(30)),
                deadline: now,
                acquiredAt: now.wall,
                renewals: 0,
                request: nil,
                revocation: nil,
                isExtended: false
            )
            return (name: try LeaseName("lease\(index)"), tenure: tenure)
        }
    }

    @Test func listWaitsForSweepCommitAndFoldInThisOrder() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let now = bench.clock.now().boot
            await bench.script {
                $0.ends = [BootInstant](repeating: now, count: Schedule.sweepSlice + 1)
                $0.foldStep = 400
            }
            try await bench.send("TOKEN\r\nLEASES\r\nTOKEN\r\n", from: client)
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            let slice = Schedule.sweepSlice
            let calls = await bench.script { $0.calls }
            #expect(calls.prefix(3) == [.token, .expire(slice), .commit(slice + 1)])
            #expect(calls.last == .read)
            #expect(calls.contains(.commit(1)))
            #expect(calls.filter { $0 == .fold }.count == 3)
            // Commands after the list are held back.
            #expect(calls.filter { $0 == .token }.count == 1)
            #expect(try await bench.output(of: client) == ":101\r\n")
            #expect(await !bench.isRead(client))
            let list = try tenures(2)
            await bench.script { $0.endRead(.success(list)) }
            try await bench.turns(2)
            let output = try await bench.output(of: client)
            #expect(output.hasPrefix("*2\r\n*30\r\n$4\r\nname\r\n$6\r\nlease0\r\n"))
            #expect(output.hasSuffix(":102\r\n"))
            #expect(await bench.isRead(client))
        }
    }

    @Test func otherClientsAreServedWhileAListWaits() async throws {
        try await EngineBench.with { bench in
            let lister = try await bench.connect()
            let other = try await bench.connect()
            try await bench.send("LEASES\r\n", from: lister)
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            try await bench.send("TOKEN\r\n", from: other)
            #expect(try await bench.output(of: other) == ":101\r\n")
            #expect(try await bench.output(of: lister) == "")
        }
    }

    @Test func waitingListDoesNotKeepTheLoopBusy() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("LEASES\r\n", from: client)
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            let before = await bench.script { $0.calls.count }
            try await bench.turns(50)
            #expect(await bench.script { $0.calls.count } == before)
        }
    }

    /// If reads overlapped without end, the WAL would grow without limit.
    @Test func withAnOverlongLogOneReadAtATimeBeginsAndTheLogIsCarriedOverBefore() async throws {
        try await EngineBench.with { bench in
            let first = try await bench.connect()
            let second = try await bench.connect()
            let third = try await bench.connect()
            try await bench.send("LEASES\r\n", from: first)
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            await bench.script { $0.isWALOverlong = true }
            for client in [second, third] {
                try await bench.send("LEASES\r\n", from: client)
                try await bench.turns(10)
            }
            #expect(await bench.script { $0.calls.filter { $0 == .read || $0 == .checkpointWAL } } == [.read])
            await bench.script { $0.endRead() }
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            try await bench.turns(10)
            let calls = await bench.script { $0.calls.filter { $0 == .read || $0 == .checkpointWAL } }
            #expect(calls == [.read, .checkpointWAL, .read])
            await bench.script { $0.isWALOverlong = false }
            try await bench.turns(3)
            await bench.script { $0.endRead() }
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            await bench.script { $0.endRead() }
            try await bench.turns(3)
            for client in [first, second, third] {
                #expect(try await bench.output(of: client) == "*0\r\n")
            }
        }
    }

    /// The disk is full, so rows that are not folded are read with the tables.
    @Test func refusedFoldStopsNoList() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            await bench.script {
                $0.addBacklog(Schedule.foldBacklog + 1)
                $0.foldFailure = refusal
            }
            try await bench.send("LEASES\r\nACQUIRE a 30s\r\n", from: client)
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            await bench.script { $0.endRead() }
            try await bench.turns(3)
            #expect(try await bench.output(of: client) == "*0\r\n:101\r\n")
        }
    }

    /// Other clients renew as many leases as the slices fold.
    @Test func aListIsReadAfterSoManySlicesHoweverMuchIsLeftToFold() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            await bench.script {
                $0.addBacklog(Schedule.foldBacklog)
                $0.foldStep = 1
            }
            try await bench.send("LEASES\r\n", from: client)
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            #expect(await bench.engine.run { $0.backend.foldBacklog } > Schedule.foldBacklog / 2)
            await bench.script { $0.endRead() }
            try await bench.turns(3)
            #expect(try await bench.output(of: client) == "*0\r\n")
        }
    }

    /// The disk is full and a lease has ended: the list can show it neither as held nor as ended.
    @Test func refusedEndsAnswerAWaitingListWithTheError() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            let now = bench.clock.now().boot
            await bench.script {
                $0.ends = [now]
                $0.commitFailure = refusal
            }
            try await bench.send("LEASES\r\n", from: client)
            try await bench.settle { $0.sessions[client].map { !$0.isWaiting && !$0.isDeferred } ?? false }
            try await bench.turns(1)
            #expect(try await bench.output(of: client).hasPrefix("-IOERR "))
            // The same while the store is not tried again.
            try await bench.send("LEASES\r\n", from: client)
            try await bench.settle { $0.sessions[client].map { !$0.isWaiting && !$0.isDeferred } ?? false }
            try await bench.turns(1)
            #expect(try await bench.output(of: client).hasPrefix("-IOERR "))
            #expect(await bench.script { $0.calls.filter { $0 != .fold } } == [.expire(1), .commit(1)])
        }
    }

    @Test func listOfAClientThatWentAwayIsDropped() async throws {
        try await EngineBench.with { bench in
            let gone = try await bench.connect()
            let goesLater = try await bench.connect()
            await bench.script { $0.addBacklog(1) }
            try await bench.turn { engine in
                bench.receive("LEASES\r\nTOKEN\r\n", from: gone, on: engine)
                bench.hangUp(gone, on: engine)
                bench.receive("LEASES\r\nTOKEN\r\n", from: goesLater, on: engine)
            }
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            #expect(await bench.script { $0.reads.count } == 1)
            try await bench.turn { engine in bench.hangUp(goesLater, on: engine) }
            await bench.script { $0.endRead() }
            try await bench.turns(2)
            #expect(await bench.script { !$0.calls.contains(.token) })
            #expect(await bench.engine.run { $0.sessions.isEmpty && $0.listings.isEmpty })
        }
    }

    @Test func halfClosedClientGetsItsListAndWhatIsBehindIt() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.turn { engine in
                bench.receive("LEASES\r\nTOKEN\r\n", from: client, on: engine)
                bench.closeInput(of: client, on: engine)
            }
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            #expect(try await bench.isOpen(client))
            await bench.script { $0.endRead() }
            try await bench.settle { $0.sessions.isEmpty }
            #expect(try await bench.output(of: client) == "*0\r\n:101\r\n")
        }
    }

    // MARK: Connections

    private static func uids(_ list: String) -> [Substring] {
        list.split(separator: "\n").compactMap { $0.split(separator: " ").first { $0.hasPrefix("uid=") } }
    }

    @Test func aUserSeesItsOwnConnectionsAndAnAdministratorAll() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect(uid: 1000)
            _ = try await bench.connect(uid: 1001)
            let root = try await bench.connect(uid: 0)
            for asker in [client, root] {
                try await bench.send("CLIENT LIST\r\nPING\r\n", from: asker)
                try await bench.settle { $0.sessions[asker].map { !$0.isWaiting && !$0.isDeferred } ?? false }
                try await bench.turns(2)
            }
            let own = try await bench.output(of: client)
            #expect(Self.uids(own) == ["uid=1000"] && own.hasSuffix("+PONG\r\n"), "\(own)")
            #expect(Self.uids(try await bench.output(of: root)) == ["uid=1000", "uid=1001", "uid=0"])
        }
    }

    /// Many connections each ask for the list of all: one list is made at a time, and others are served in between.
    @Test func listsOfConnectionsAreMadeOneByOneBesideTheTurn() async throws {
        try await EngineBench.with { bench in
            var clients: [SessionID] = []
            for _ in 0..<20 { clients.append(try await bench.connect()) }
            let all = clients
            try await bench.turn { engine in
                for client in all { bench.receive("CLIENT LIST\r\n", from: client, on: engine) }
                #expect(engine.listings.waiting.count == 20)
                engine.advanceListings(now: bench.clock.now(), sweep: .whole)
                #expect(engine.listings.waiting.count == 19)
            }
            try await bench.settle { engine in
                engine.listings.isEmpty && engine.sessions.values.allSatisfy { !$0.isWaiting && !$0.isDeferred }
            }
            try await bench.turns(2)
            for client in clients {
                #expect(Self.uids(try await bench.output(of: client)).count == 20)
            }
        }
    }

    @Test func aListOfConnectionsOverTheLimitIsRefused() async throws {
        try await EngineBench.with {
            $0.limits.listBytes = 4096
        } body: { bench in
            let client = try await bench.connect()
            for _ in 0..<100 { _ = try await bench.connect() }
            try await bench.send("CLIENT LIST\r\n", from: client)
            try await bench.settle { $0.sessions[client].map { !$0.isWaiting && !$0.isDeferred } ?? false }
            try await bench.turns(2)
            #expect(try await bench.output(of: client).hasPrefix("-TOOBIG "))
        }
    }

    // MARK: Too big

    @Test func listOverTheLimitOfElementsIsRefused() async throws {
        try await EngineBench.with {
            $0.limits.listElements = 3
        } body: { bench in
            let client = try await bench.connect()
            for (count, isRefused) in [(3, false), (4, true)] {
                try await bench.send("LEASES\r\n", from: client)
                try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
                let list = try tenures(count)
                await bench.script { $0.endRead(.success(list)) }
                try await bench.turns(2)
                let output = try await bench.output(of: client)
                #expect(output.hasPrefix(isRefused ? "-TOOBIG " : "*3\r\n"))
            }
            #expect(await bench.script { $0.listLimits.map(\.elements) } == [3, 3])
        }
    }

    @Test func listOverTheLimitOfBytesIsRefusedAndCounted() async throws {
        try await EngineBench.with {
            $0.limits.listBytes = 4096
        } body: { bench in
            let client = try await bench.connect()
            try await bench.send("LEASES\r\n", from: client)
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            let list = try tenures(100, owner: String(repeating: "o", count: 200))
            await bench.script { $0.endRead(.success(list)) }
            try await bench.turns(2)
            let output = try await bench.output(of: client)
            #expect(output.hasPrefix("-TOOBIG "))
            #expect(output.utf8.count < 200)
            #expect(await bench.engine.run { $0.counters.refusals[.tooBig] } == 1)
        }
    }

    @Test func pageIsWhatWasAskedFor() async throws {
        try await EngineBench.with { bench in
            let client = try await bench.connect()
            try await bench.send("LEASES PREFIX ab AFTER abc COUNT 7\r\n", from: client)
            try await bench.settle { !($0.backend as! ScriptedBackend).reads.isEmpty }
            let page = await bench.script { $0.pages[0] }
            #expect(page.prefix == Array("ab".utf8))
            #expect(page.after == (try LeaseName("abc")))
            #expect(page.count == 7)
            await bench.script { $0.endRead(.failure(StoreError(.ioError, "the file cannot be read"))) }
            try await bench.turns(2)
            #expect(try await bench.output(of: client).hasPrefix("-IOERR the file cannot be read"))
        }
    }
}
