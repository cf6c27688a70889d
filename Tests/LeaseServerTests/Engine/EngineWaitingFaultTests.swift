import LeaseCore
import Testing

@testable import LeaseServer

/// Waiting in line while the store refuses the grants, or while the socket that a grant is written to fails.
@Suite struct EngineWaitingFaultTests {
    // MARK: A store that refuses

    @Test func aRefusedCommitOfAGrantLeavesTheWaiterInItsPlace() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let waiter = try await bench.connect()
            let hurried = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            try await bench.turn { engine in
                bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
                bench.receive("ACQUIRE x 30s\r\n", from: hurried, on: engine)
                bench.refuseCommit(on: engine)
            }
            #expect(try await bench.output(of: holder) == EngineBench.ioError)
            #expect(try await bench.output(of: hurried) == EngineBench.ioError)
            #expect(try await bench.output(of: waiter) == "")
            #expect(try await bench.tenure("x")?.fence.rawValue == token)
            #expect(try await bench.ask("RELEASE x \(token)", from: holder) == "+OK\r\n")
            #expect(try await bench.token(of: waiter) > token)
        }
    }

    @Test func anEndByTimeThatWasRefusedIsTriedAgainAndThenGranted() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 10s", by: holder)
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            bench.clock.advance(by: .seconds(10))
            try await bench.turn { engine in
                bench.refuseCommit(on: engine)
                engine.timerFired()
            }
            #expect(try await bench.output(of: waiter) == "")
            try await bench.advance(by: Schedule.retryDelay)
            _ = try await bench.token(of: waiter)
        }
    }

    /// Leaves a waiter at a free lease, which was granted and waited for in one turn whose commit was refused.
    ///
    /// No end of a tenure announces that the lease is free.
    private func strand(_ waiter: SessionID, behind other: SessionID, _ bench: EngineBench) async throws {
        try await bench.turn { engine in
            bench.refuseCommit(on: engine)
            bench.receive("ACQUIRE x 30s\r\n", from: other, on: engine)
            bench.receive("ACQUIRE x 30s WAIT FOREVER\r\n", from: waiter, on: engine)
        }
        #expect(try await bench.output(of: other) == EngineBench.ioError)
        #expect(try await bench.output(of: waiter) == "")
        #expect(try await bench.tenure("x") == nil)
    }

    @Test func whoWaitsBehindAGrantThatIsTakenBackIsGrantedOnceTheStoreTakesIt() async throws {
        try await EngineBench.withLedger { bench in
            let other = try await bench.connect()
            let waiter = try await bench.connect()
            try await strand(waiter, behind: other, bench)
            // The store still refuses.
            bench.clock.advance(by: Schedule.retryDelay)
            try await bench.turn { engine in
                bench.refuseCommit(on: engine)
                engine.timerFired()
            }
            #expect(try await bench.output(of: waiter) == "")
            try await bench.advance(by: Schedule.retryDelay)
            _ = try await bench.token(of: waiter)
        }
    }

    @Test func nobodyOvertakesWhoWaitsBehindAGrantThatIsTakenBack() async throws {
        try await EngineBench.withLedger { bench in
            let other = try await bench.connect()
            let waiter = try await bench.connect()
            try await strand(waiter, behind: other, bench)
            #expect(try await bench.ask("ACQUIRE x 30s", from: other).hasPrefix("-CONFLICT "))
            _ = try await bench.token(of: waiter)
        }
    }

    // MARK: A socket that fails

    @Test func aWaitedGrantThatCannotBeWrittenEndsAsLostAndTheNextIsGranted() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let broken = try await bench.connect()
            let next = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: broken) == "")
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: next) == "")
            try await bench.turn { engine in
                try bench.breakOutput(of: broken, on: engine)
                bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
            }
            try await bench.settle { $0.waiting.lines.count == 0 }
            let granted = try await bench.token(of: next)
            #expect(granted > token + 1)
            #expect(try await bench.tenure("x")?.fence.rawValue == granted)
            #expect(await bench.engine.run { $0.holdings.lost.isEmpty })
        }
    }

    /// A message of the same turn follows the token: if only the message cannot be written, the token may have been
    /// read.
    @Test func aWaitedGrantGoesOnWhenOnlyWhatIsBehindItCannotBeWritten() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let waiter = try await bench.connect()
            _ = try await bench.ask("HELLO 3\r\nSUBSCRIBE x\r\nACQUIRE x 30s WAIT FOREVER", from: waiter)
            try await bench.turn { engine in
                try bench.breakOutput(of: waiter, at: "acquired", on: engine)
                bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
            }
            let granted = try await bench.token(of: waiter)
            try await bench.turns(2)
            #expect(try await bench.tenure("x")?.fence.rawValue == granted)
            #expect(await bench.engine.run { $0.holdings.lost.isEmpty })
        }
    }

    @Test(arguments: [false, true]) func whoIsRefusedKnowsOfNoGrant(_ goesMeanwhile: Bool) async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let (stuck, other) = (try await bench.connect(), try await bench.connect())
            let request = "REQUEST 0123456789abcdef"
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER \(request)", from: stuck) == "")
            try await bench.turn { engine in
                try bench.setStuck(true, of: stuck, on: engine)
                bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
            }
            try await bench.turn { engine in
                bench.receive("TOKEN\r\nACQUIRE x 30s \(request)\r\n", from: other, on: engine)
                if goesMeanwhile { bench.hangUp(stuck, on: engine) }
                bench.refuseCommit(on: engine)
            }
            #expect(try await bench.output(of: other) == EngineBench.ioError + EngineBench.ioError)
            bench.clock.advance(by: Schedule.retryDelay)
            try await bench.turn { engine in
                if !goesMeanwhile { bench.hangUp(stuck, on: engine) }
                engine.timerFired()
            }
            try await bench.turns(2)
            #expect(try await bench.tenure("x") == nil)
        }
    }

    /// The token waits behind output that its client does not read; somebody else learns it by repeating the request,
    /// or nobody does.
    @Test(arguments: ["ACQUIRE x 30s REQUEST 0123456789abcdef", "RENEW x TOKEN 30s", nil])
    func aGrantThatCannotBeWrittenGoesOnIfSomebodyKnowsOfIt(_ use: String?) async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let (stuck, other) = (try await bench.connect(), try await bench.connect())
            let wait = "ACQUIRE x 30s WAIT FOREVER REQUEST 0123456789abcdef"
            #expect(try await bench.ask(wait, from: stuck) == "")
            try await bench.turn { engine in
                try bench.setStuck(true, of: stuck, on: engine)
                bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
            }
            let fence = try #require(try await bench.tenure("x")?.fence.rawValue)
            if let use = use?.replacing("TOKEN", with: "\(fence)") {
                #expect(try await EngineBench.token(bench.ask(use, from: other)) ?? 0 >= fence)
            }
            try await bench.turn { engine in bench.hangUp(stuck, on: engine) }
            try await bench.turns(2)
            #expect(try await bench.tenure("x")?.fence.rawValue == (use == nil ? nil : fence))
            #expect(await bench.engine.run { $0.holdings.lost.isEmpty })
        }
    }
}
