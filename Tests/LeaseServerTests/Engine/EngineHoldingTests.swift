import LeaseCore
import LeaseWire
import NIOCore
import Testing

@testable import LeaseServer

/// Bound and tied tenures: what happens when connections close, when bindings move, and when both fall into one turn.
@Suite struct EngineHoldingTests {
    private func hangUp(_ client: SessionID, _ bench: EngineBench) async throws {
        try await bench.turn { engine in bench.hangUp(client, on: engine) }
    }

    // MARK: Bound

    @Test func aBoundTenureEndsWithItsConnectionAndTheNextIsGrantedInThatTurn() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s BIND", by: holder)
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER BIND", from: waiter) == "")
            let commits = await bench.engine.run { $0.counters.commits }
            try await hangUp(holder, bench)
            #expect(try await bench.token(of: waiter) > token)
            #expect(await bench.engine.run { $0.counters.commits } == commits + 1)
            // The waited grant is bound, too.
            #expect(try await bench.tenure("x")?.attachment == .bound)
            try await hangUp(waiter, bench)
            #expect(try await bench.tenure("x") == nil)
        }
    }

    @Test func aHalfCloseEndsABinding() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 30s BIND", by: holder)
            try await bench.turn { engine in
                bench.receive("HOLDER x\r\n", from: holder, on: engine)
                bench.closeInput(of: holder, on: engine)
            }
            // Commands received before the close are answered first.
            #expect(try await bench.output(of: holder).contains("\r\nheld\r\n"))
            try await bench.settle { $0.sessions[holder] == nil && $0.holdings.lost.isEmpty }
            #expect(try await bench.tenure("x") == nil)
        }
    }

    @Test func aHalfCloseEndsABindingAlsoIfTheClientDoesNotReadWhatItIsAnswered() async throws {
        try await EngineBench.withLedger { bench in
            let (holder, waiter) = (try await bench.connect(), try await bench.connect())
            let token = try await bench.acquire("x 1h BIND", by: holder)
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            try await bench.turn { engine in
                try bench.setStuck(true, of: holder, on: engine)
                bench.receive("PING\r\n", from: holder, on: engine)
                bench.closeInput(of: holder, on: engine)
            }
            try await bench.settle { $0.waiting.lines.count == 0 }
            #expect(try await bench.token(of: waiter) > token)
            #expect(try await bench.isOpen(holder))
        }
    }

    @Test func ofAWaiterAndItsRepetitionTheOneThatCameLaterIsBound() async throws {
        try await EngineBench.withLedger { bench in
            let (holder, waiter) = (try await bench.connect(), try await bench.connect())
            let token = try await bench.acquire("x 30s", by: holder)
            #expect(
                try await bench.ask("ACQUIRE x 1h WAIT FOREVER REQUEST 0123456789abcdef BIND", from: waiter) == ""
            )
            try await bench.turn { engine in
                let commands = "RELEASE x \(token)\r\nACQUIRE x 1h REQUEST 0123456789abcdef BIND\r\n"
                bench.receive(commands, from: holder, on: engine)
            }
            let granted = try await bench.token(of: waiter)
            #expect(try await bench.output(of: holder) == "+OK\r\n:\(granted)\r\n")
            try await bench.turn { engine in bench.hangUp(waiter, on: engine) }
            try await bench.turns(1)
            #expect(try await bench.tenure("x")?.fence.rawValue == granted)
            try await bench.turn { engine in bench.hangUp(holder, on: engine) }
            try await bench.turns(1)
            #expect(try await bench.tenure("x") == nil)
        }
    }

    /// The earlier tenure was bound or tied to a connection; the imported one has its fence, but ends by time only.
    @Test(arguments: ["BIND", "TIE", "LOSS"])
    func anImportedTenureHangsOnNothingWhateverItsFenceHungOnBefore(_ before: String) async throws {
        try await EngineBench.withLedger { bench in
            let (holder, importer) = (try await bench.connect(), try await bench.connect(uid: 0))
            let fence = try await bench.acquire("x 1h\(before == "TIE" ? "" : " BIND")", by: holder)
            if before == "TIE" {
                #expect(try await bench.ask("TIE x \(fence)", from: holder) == "+OK\r\n")
            }
            let end = bench.clock.now().wall.milliseconds + 60_000
            let bringIn = "IMPORT KEY x LEASE \(fence) \(end)\r\n"
            try await bench.turn { engine in
                if before == "LOSS" {
                    bench.hangUp(holder, on: engine)
                    bench.receive(bringIn, from: importer, on: engine)
                } else {
                    bench.receive("KEYS REMOVE x\r\n" + bringIn, from: importer, on: engine)
                }
            }
            #expect(try await bench.output(of: importer) == (before == "LOSS" ? "" : ":1\r\n") + "+OK\r\n")
            try await bench.turn { engine in bench.hangUp(holder, on: engine) }
            try await bench.turns(2)
            #expect(try await bench.tenure("x")?.fence.rawValue == fence)
            #expect(await bench.engine.run { $0.holdings.count == 0 && $0.holdings.lost.isEmpty })
        }
    }

    @Test func aBoundTenureEndsByItsTimeToo() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let other = try await bench.connect()
            _ = try await bench.acquire("x 10s BIND", by: holder)
            try await bench.advance(by: .seconds(10))
            #expect(try await bench.tenure("x") == nil)
            // The connection stays open, and is not attached to the next tenure.
            let next = try await bench.acquire("x 10s", by: other)
            try await hangUp(holder, bench)
            #expect(try await bench.tenure("x")?.fence.rawValue == next)
            #expect(await bench.engine.run { $0.holdings.count } == 0)
        }
    }

    @Test(arguments: [("", true, false), ("BIND", false, true), ("UNBIND", false, false)])
    func aRenewalKeepsMovesOrEndsTheBinding(keyword: String, endsWithOld: Bool, endsWithNew: Bool) async throws {
        for closesOld in [true, false] {
            try await EngineBench.withLedger { bench in
                let old = try await bench.connect()
                let new = try await bench.connect()
                let token = try await bench.acquire("x 30s BIND", by: old)
                let renewed = try await bench.ask("RENEW x \(token) 30s \(keyword)", from: new)
                #expect(EngineBench.token(renewed) ?? 0 > token)
                try await hangUp(closesOld ? old : new, bench)
                #expect(try await (bench.tenure("x") == nil) == (closesOld ? endsWithOld : endsWithNew))
            }
        }
    }

    // MARK: Everything in one turn

    @Test func aTenureThatMovesInTheTurnOfTheCloseGoesOn() async throws {
        for closesFirst in [true, false] {
            for keyword in ["BIND", "UNBIND"] {
                try await EngineBench.withLedger { bench in
                    let old = try await bench.connect()
                    let new = try await bench.connect()
                    let token = try await bench.acquire("x 30s BIND", by: old)
                    try await bench.turn { engine in
                        if closesFirst { bench.hangUp(old, on: engine) }
                        bench.receive("RENEW x \(token) 30s \(keyword)\r\n", from: new, on: engine)
                        if !closesFirst { bench.hangUp(old, on: engine) }
                    }
                    let renewed = try await bench.token(of: new)
                    try await bench.turns(3)
                    #expect(try await bench.tenure("x")?.token.rawValue == renewed, "\(keyword) \(closesFirst)")
                    #expect(await bench.engine.run { $0.holdings.lost.isEmpty })
                    try await hangUp(new, bench)
                    #expect(try await (bench.tenure("x") == nil) == (keyword == "BIND"))
                }
            }
        }
    }

    /// A client that has seen the holder disappear may ask in the same turn in which the daemon sees the close.
    @Test func inTheTurnOfTheCloseALostTenureIsInNobodysWay() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s BIND", by: holder)
            let other = try await bench.connect()
            try await bench.turn { engine in
                bench.hangUp(holder, on: engine)
                let lines = ["CHECK x \(token)", "HOLDER x", "PUT k v IF x \(token)", "ACQUIRE x 30s BIND", "GET k"]
                bench.receive(lines.map { $0 + "\r\n" }.joined(), from: other, on: engine)
            }
            let answers = try await bench.output(of: other).split(separator: "\r\n")
            let others = answers.map { $0.prefix(8) }.filter { !$0.hasPrefix(":") }
            #expect(others == ["-EXPIRED", "$-1", "-EXPIRED", "$-1"])
            let next = try #require(answers[3].dropFirst().split(separator: " ").first.flatMap { Int64($0) })
            #expect(next > token)
            try await bench.turns(3)
            #expect(try await bench.tenure("x")?.fence.rawValue == next)
            #expect(await bench.engine.run { $0.holdings.lost.isEmpty && $0.holdings.count == 1 })
        }
    }

    @Test func inTheTurnOfTheCloseTheLineComesBeforeWhoeverAsks() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 30s BIND", by: holder)
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            let other = try await bench.connect()
            try await bench.turn { engine in
                bench.hangUp(holder, on: engine)
                bench.receive("ACQUIRE x 30s\r\n", from: other, on: engine)
            }
            let granted = try await bench.token(of: waiter)
            #expect(try await bench.output(of: other).hasPrefix("-CONFLICT"))
            #expect(try await bench.tenure("x")?.fence.rawValue == granted)
        }
    }

    @Test func aTenureWhoseMoveIsRefusedInTheTurnOfTheCloseIsLostLater() async throws {
        for keyword in ["BIND", "UNBIND"] {
            try await EngineBench.withLedger { bench in
                let old = try await bench.connect()
                let new = try await bench.connect()
                let token = try await bench.acquire("x 30s BIND", by: old)
                try await bench.turn { engine in
                    bench.receive("RENEW x \(token) 30s \(keyword)\r\n", from: new, on: engine)
                    bench.hangUp(old, on: engine)
                    bench.refuseCommit(on: engine)
                }
                #expect(try await bench.output(of: new) == EngineBench.ioError)
                #expect(try await bench.tenure("x")?.token.rawValue == token)
                try await bench.advance(by: Schedule.retryDelay)
                #expect(try await bench.tenure("x") == nil)
            }
        }
    }

    @Test func aRepetitionBindsToTheNewConnectionWhenTheOldOneClosesInThatTurn() async throws {
        let line = "ACQUIRE x 30s BIND REQUEST 0123456789abcdef\r\n"
        try await EngineBench.withLedger { bench in
            let old = try await bench.connect()
            let new = try await bench.connect()
            try await bench.turn { engine in
                bench.receive(line, from: old, on: engine)
                bench.hangUp(old, on: engine)
                bench.receive(line, from: new, on: engine)
            }
            let token = try await bench.token(of: new)
            try await bench.turns(3)
            #expect(try await bench.tenure("x")?.fence.rawValue == token)
            try await hangUp(new, bench)
            #expect(try await bench.tenure("x") == nil)
        }
    }

    @Test func aTenureThatIsBoundToAConnectionThatClosesInThatTurnIsLost() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let waiter = try await bench.connect()
            try await bench.turn { engine in
                bench.receive("ACQUIRE x 30s BIND\r\n", from: holder, on: engine)
                bench.receive("ACQUIRE x 30s WAIT FOREVER\r\n", from: waiter, on: engine)
                bench.hangUp(holder, on: engine)
            }
            try await bench.settle { $0.waiting.lines.count == 0 }
            _ = try await bench.token(of: waiter)
        }
    }

    @Test func aTenureThatEndsAndBeginsAnewInTheTurnOfTheCloseIsNotTheOneThatIsLost() async throws {
        try await EngineBench.withLedger { bench in
            let old = try await bench.connect()
            let new = try await bench.connect()
            let token = try await bench.acquire("x 30s BIND", by: old)
            try await bench.turn { engine in
                bench.hangUp(old, on: engine)
                bench.receive("RELEASE x \(token)\r\nACQUIRE x 30s\r\n", from: new, on: engine)
            }
            try await bench.turns(3)
            #expect(try await bench.tenure("x")?.fence.rawValue == token + 1)
            #expect(await bench.engine.run { $0.holdings.lost.isEmpty })
        }
    }

    // MARK: A store that refuses

    @Test func aLossThatIsRefusedIsTriedAgainAndNotBefore() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let waiter = try await bench.connect()
            let token = try await bench.acquire("x 30s BIND", by: holder)
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            try await bench.turn { engine in
                bench.hangUp(holder, on: engine)
                bench.refuseCommit(on: engine)
            }
            try await bench.turns(3)
            #expect(try await bench.tenure("x")?.fence.rawValue == token)
            #expect(await bench.engine.run { $0.holdings.lost.count } == 1)
            try await bench.advance(by: Schedule.retryDelay)
            #expect(try await bench.token(of: waiter) > token)
            #expect(await bench.engine.run { $0.holdings.lost.isEmpty })
        }
    }

    @Test func aTieThatIsRefusedGoesOnAsAConnection() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let tie = try await bench.connect()
            let token = try await bench.acquire("x 30s BIND", by: holder)
            try await bench.turn { engine in
                bench.receive("TIE x \(token)\r\nPING\r\n", from: tie, on: engine)
                bench.refuseCommit(on: engine)
            }
            try await bench.settle { $0.sessions[tie]?.isDeferred == false }
            #expect(try await bench.output(of: tie) == "\(EngineBench.ioError)+PONG\r\n")
            #expect(await bench.isRead(tie))
            #expect(await bench.engine.run { $0.tieCounts.total } == 0)
            // The binding has not changed.
            #expect(try await bench.tenure("x")?.attachment == .bound)
            #expect(try await bench.ask("TIE x \(token)", from: tie) == "+OK\r\n")
            try await hangUp(holder, bench)
            #expect(try await bench.tenure("x")?.attachment == .tied)
        }
    }

    // MARK: Tied

    @Test func aTieSaysNothingMoreAndHoldsBeyondTheDeadline() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let tie = try await bench.connect()
            let token = try await bench.acquire("x 10s", by: holder)
            #expect(try await bench.ask("TIE x \(token)\r\nPING\r\nPUT k v", from: tie) == "+OK\r\n")
            #expect(await !bench.isRead(tie))
            #expect(try await bench.ask("PING", from: tie) == "")
            #expect(try await bench.ask("GET k", from: holder) == "$-1\r\n")
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 10s WAIT FOREVER", from: waiter) == "")
            // A half close is not the end of a tie, and the connection that acquired the lease does not matter.
            try await bench.turn { engine in bench.closeInput(of: tie, on: engine) }
            try await bench.advance(by: .seconds(86_400))
            let status = try await bench.ask("HOLDER x", from: holder)
            #expect(status.contains("\r\noverdue\r\n") && status.contains("$12\r\nremaining_ms\r\n:0\r\n"), "\(status)")
            #expect(try await bench.ask("CHECK x \(token)", from: holder) == ":0\r\n")
            try await hangUp(holder, bench)
            #expect(try await bench.output(of: waiter) == "")
            #expect(try await bench.isOpen(tie))
            try await hangUp(tie, bench)
            #expect(try await bench.token(of: waiter) > token)
            #expect(await bench.engine.run { $0.tieCounts.total } == 0)
        }
    }

    @Test(arguments: ["TIE", "RENEW BIND", "RENEW UNBIND", "RELEASE", "REVOKE"])
    func aTieThatNoLongerCountsIsClosedAndEndsNothing(how: String) async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let tie = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            #expect(try await bench.ask("TIE x \(token)", from: tie) == "+OK\r\n")
            let other = try await bench.connect()
            let line =
                switch how {
                case "TIE": "TIE x \(token)"
                case "RENEW BIND": "RENEW x \(token) 30s BIND"
                case "RENEW UNBIND": "RENEW x \(token) 30s UNBIND"
                case "RELEASE": "RELEASE x \(token)"
                default: "REVOKE x AFTER 0s"
                }
            #expect(try await bench.ask(line, from: other).first != "-")
            try await bench.settle { $0.sessions[tie] == nil }
            #expect(try await !bench.isOpen(tie))
            try await bench.turns(3)
            let tenure = try await bench.tenure("x")
            let expected: Attachment? =
                switch how {
                case "TIE": .tied
                case "RENEW BIND": .bound
                case "RENEW UNBIND": .nothing
                default: nil
                }
            #expect(tenure?.attachment == expected)
            #expect(await bench.engine.run { $0.tieCounts.total } == (how == "TIE" ? 1 : 0))
            try await hangUp(other, bench)
            #expect(try await (bench.tenure("x") == nil) == (how != "RENEW UNBIND"))
        }
    }

    /// The tie's client is still connected, and only its disconnect would end the tenure that it was bound to before.
    @Test(arguments: [(false, false), (true, false), (false, true), (true, true)])
    func theEndOfATieLeavesWhatItsConnectionIsBoundTo(isGivenBack: Bool, isInOneTurn: Bool) async throws {
        try await EngineBench.withLedger { bench in
            let (other, client) = (try await bench.connect(), try await bench.connect())
            let tied = try await bench.acquire("tied 1h", by: other)
            let bound = try await bench.acquire("bound 1h BIND", by: client)
            try await bench.turn { engine in
                bench.receive("TIE tied \(tied)\r\n", from: client, on: engine)
                if isInOneTurn { bench.receive("RELEASE tied \(tied)\r\n", from: other, on: engine) }
            }
            #expect(try await bench.output(of: client) == "+OK\r\n")
            if !isInOneTurn { try await bench.send("RELEASE tied \(tied)\r\n", from: other) }
            #expect(try await bench.output(of: other) == "+OK\r\n")
            try await bench.turns(2)
            #expect(try await bench.tenure("bound") != nil)
            #expect(try await bench.isOpen(client))
            if isGivenBack {
                // The connection is not attached to anything now.
                #expect(try await bench.ask("RELEASE bound \(bound)", from: other) == "+OK\r\n")
                try await bench.turns(2)
                #expect(try await !bench.isOpen(client))
            } else {
                try await bench.turn { engine in bench.hangUp(client, on: engine) }
                try await bench.turns(1)
                #expect(try await bench.tenure("bound") == nil)
            }
        }
    }

    @Test func ofTwoTiesInATurnTheLaterCounts() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let first = try await bench.connect()
            let second = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            try await bench.turn { engine in
                bench.receive("TIE x \(token)\r\n", from: first, on: engine)
                bench.receive("TIE x \(token)\r\n", from: second, on: engine)
            }
            try await bench.settle { $0.sessions[first] == nil }
            #expect(try await bench.output(of: first) == "+OK\r\n")
            #expect(try await bench.output(of: second) == "+OK\r\n")
            #expect(try await bench.tenure("x")?.attachment == .tied)
            try await hangUp(second, bench)
            #expect(try await bench.tenure("x") == nil)
        }
    }

    @Test func aTieOfATenureThatEndsInThatTurnIsAnsweredAndClosed() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let tie = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            try await bench.turn { engine in
                bench.receive("TIE x \(token)\r\n", from: tie, on: engine)
                bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
            }
            try await bench.settle { $0.sessions[tie] == nil }
            #expect(try await bench.output(of: tie) == "+OK\r\n")
            #expect(try await bench.tenure("x") == nil)
            #expect(await bench.engine.run { $0.tieCounts.total } == 0)
        }
    }

    @Test func aRevokedTiedTenureEndsByItsTieOrThirtySecondsLater() async throws {
        for closes in [true, false] {
            try await EngineBench.withLedger { bench in
                let holder = try await bench.connect()
                let tie = try await bench.connect()
                let token = try await bench.acquire("x 10s", by: holder)
                #expect(try await bench.ask("TIE x \(token)", from: tie) == "+OK\r\n")
                #expect(try await bench.ask("REVOKE x REASON deploy", from: holder) == ":1\r\n")
                #expect(try await bench.ask("RENEW x \(token) 10s", from: holder).hasPrefix("-REVOKED "))
                try await bench.advance(by: .seconds(29))
                #expect(try await bench.tenure("x") != nil)
                if closes {
                    try await hangUp(tie, bench)
                } else {
                    try await bench.advance(by: .seconds(1))
                }
                #expect(try await bench.tenure("x") == nil)
            }
        }
    }

    @Test func tiesAreLimitedForEachUserAndTheReserveIsForAdministrators() async throws {
        try await EngineBench.withLedger({
            $0.limits.ties = 3
            $0.limits.tiesPerUser = 1
            $0.limits.reservedForAdministrators = 1
        }) { bench in
            let holder = try await bench.connect(uid: 0)
            let token = try await bench.acquire("x 30s", by: holder)
            func tie(_ name: String, uid: UInt32, token: Int64? = nil) async throws -> String {
                let client = try await bench.connect(uid: uid)
                let own = if let token { token } else { try await bench.acquire("\(name) 30s", by: client) }
                return try await bench.ask("TIE \(name) \(own)", from: client)
            }
            #expect(try await tie("a", uid: 70_000) == "+OK\r\n")
            #expect(try await tie("b", uid: 70_000).hasPrefix("-BUSY uid 70000 "))
            #expect(try await tie("c", uid: 70_001) == "+OK\r\n")
            #expect(try await tie("d", uid: 70_002).hasPrefix("-BUSY 2 ties "))
            #expect(try await tie("x", uid: 0, token: token) == "+OK\r\n")
            #expect(try await tie("e", uid: 0).hasPrefix("-BUSY 3 ties "))
        }
    }

    @Test func aTieOfAConnectionThatIsGoneEndsItsTenureAndIsNotCounted() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let x = try await bench.acquire("x 30s", by: holder)
            let y = try await bench.acquire("y 30s", by: holder)
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER\r\nTIE y \(y)", from: waiter) == "")
            try await bench.turn { engine in
                bench.atNextFlush(of: waiter, on: engine) {
                    engine.assumeIsolated { bench.hangUp(waiter, on: $0) }
                }
                bench.receive("RELEASE x \(x)\r\n", from: holder, on: engine)
            }
            let name = try LeaseName("y")
            try await bench.settle { $0.backend.tenure(of: name) == nil }
            #expect(await bench.engine.run { $0.tieCounts.total } == 0)
        }
    }

    @Test func anImportOverATenureLeavesItToItsConnection() async throws {
        for verb in ["RENEW x %@ 30s BIND", "TIE x %@"] {
            try await EngineBench.withLedger { bench in
                let administrator = try await bench.connect(uid: 0)
                let client = try await bench.connect()
                let token = try await bench.acquire("x 30s", by: client)
                let parts = verb.split(separator: "%@", omittingEmptySubsequences: false)
                let answer = try await bench.ask(parts.joined(separator: "\(token)"), from: client)
                #expect(!answer.hasPrefix("-"))
                let newest = try #require(try await bench.tenure("x")).token
                let expiry = bench.clock.now().wall.milliseconds + 60_000
                let entry = "IMPORT KEY x LEASE \(newest) \(expiry) FENCE \(token)"
                #expect(try await bench.ask(entry, from: administrator) == "+OK\r\n")
                let imported = try #require(try await bench.tenure("x"))
                #expect(imported.token == newest && imported.attachment != .nothing)
                #expect(imported.deadline.wall.milliseconds == expiry)
                try await hangUp(client, bench)
                let name = try LeaseName("x")
                try await bench.settle { $0.backend.tenure(of: name) == nil }
            }
        }
    }

    /// A refused import has no effect: in particular, it does not delay the end of a tenure whose connection is gone.
    @Test func aRefusedImportPutsNoEndOff() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let other = try await bench.connect(uid: 1001)
            let token = try await bench.acquire("x 30s BIND", by: holder)
            let name = try LeaseName("x")
            let expiry = bench.clock.now().wall.milliseconds + 60_000
            try await bench.turn { engine in
                bench.hangUp(holder, on: engine)
                bench.receive("IMPORT KEY x LEASE \(token) \(expiry)\r\n", from: other, on: engine)
            }
            #expect(await bench.engine.run { $0.backend.tenure(of: name) } == nil)
            #expect(try await bench.output(of: other).hasPrefix("-DENIED "))
        }
    }

    // MARK: The stop

    @Test func theStopEndsNeitherBoundNorTiedTenures() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let tie = try await bench.connect()
            _ = try await bench.acquire("bound 30s BIND", by: holder)
            let token = try await bench.acquire("tied 30s", by: holder)
            #expect(try await bench.ask("TIE tied \(token)", from: tie) == "+OK\r\n")
            try await bench.engine.drain()
            #expect(try await !bench.isOpen(holder))
            #expect(try await !bench.isOpen(tie))
            #expect(try await bench.tenure("bound")?.attachment == .bound)
            #expect(try await bench.tenure("tied")?.attachment == .tied)
            #expect(await bench.engine.run { $0.holdings.lost.isEmpty })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aTieThatIsMadeDuringTheStopDoesNotHoldItUp() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let tie = try await bench.connect()
            let flood = String(repeating: "COMMAND DOCS\r\n", count: 2000)
            try await bench.turn { engine in
                bench.receive("\(flood)TIE x \(token)\r\n", from: tie, on: engine)
            }
            try await bench.engine.drain()
            #expect(try await bench.output(of: tie).hasSuffix("+OK\r\n"))
            #expect(try await !bench.isOpen(tie))
            #expect(try await bench.tenure("x")?.attachment == .tied)
        }
    }
}
