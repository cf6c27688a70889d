import LeaseCore
import LeaseWire
import NIOCore
import Testing

@testable import LeaseServer

/// Waiting in line: who is granted, in which turn, and whose wait ends without a grant.
@Suite struct EngineWaitingTests {
    // MARK: Order

    @Test func whoCameFirstIsGrantedFirst() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            var token = try await bench.acquire("x 30s", by: holder)
            var waiters: [SessionID] = []
            for _ in 0..<5 {
                let waiter = try await bench.connect()
                #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
                waiters.append(waiter)
            }
            for (place, waiter) in waiters.enumerated() {
                #expect(try await bench.ask("RELEASE x \(token)", from: holder) == "+OK\r\n")
                let next = try await bench.token(of: waiter)
                #expect(next > token)
                token = next
                for later in waiters[(place + 1)...] {
                    #expect(try await bench.output(of: later) == "")
                }
            }
            #expect(await bench.engine.run { $0.waiting.lines.count } == 0)
        }
    }

    @Test func whoComesInTheTurnOfTheReleaseIsServedAfterTheLine() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let first = try await bench.connect()
            let hurried = try await bench.connect()
            let patient = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: first) == "")
            try await bench.turn { engine in
                bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
                bench.receive("ACQUIRE x 30s OWNER hurried\r\nPING\r\n", from: hurried, on: engine)
                bench.receive("ACQUIRE x 30s WAIT FOREVER OWNER patient\r\n", from: patient, on: engine)
            }
            let granted = try await bench.token(of: first)
            try await bench.settle { $0.sessions[hurried]?.isDeferred == false }
            let refused = try await bench.output(of: hurried)
            #expect(refused.hasPrefix("-CONFLICT ") && refused.hasSuffix("\r\n+PONG\r\n"), "\(refused)")
            #expect(try await bench.output(of: patient) == "")
            #expect(try await bench.ask("RELEASE x \(granted)", from: first) == "+OK\r\n")
            #expect(try await bench.token(of: patient) > granted)
        }
    }

    /// A lease that is granted to a waiter is never seen free, since no commit has it free.
    @Test(arguments: ["HOLDER x", "REVOKE x", "KEYS REMOVE k x"])
    func whoAsksInTheTurnOfTheReleaseFindsTheWaiter(question: String) async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect(uid: 0)
            let token = try await bench.acquire("x 30s", by: holder)
            let waiters = [try await bench.connect(), try await bench.connect()]
            for waiter in waiters {
                #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            }
            try await bench.turn { engine in
                // The second question is about the state that the first one leaves.
                bench.receive("RELEASE x \(token)\r\n\(question)\r\nHOLDER x\r\n", from: holder, on: engine)
            }
            try await bench.settle { $0.sessions[holder].map { !$0.isWaiting && !$0.isDeferred } ?? false }
            try await bench.turns(1)
            let granted = try await bench.token(of: waiters[0])
            let last = question == "HOLDER x" ? granted : try await bench.token(of: waiters[1])
            let replies = try await bench.output(of: holder)
            #expect(replies.hasPrefix("+OK\r\n" + (question == "HOLDER x" ? "*30\r\n" : ":1\r\n")), "\(replies)")
            #expect(replies.contains(":\(last)\r\n"), "\(replies)")
        }
    }

    /// The disk is full, so the end of a tenure is as little durable as the grant that follows it.
    @Test func whoAsksAboutALeaseThatTheStoreDoesNotEndIsAnsweredOnce() async throws {
        try await EngineBench.withLedger { bench in
            let (holder, waiter, other) = (
                try await bench.connect(), try await bench.connect(), try await bench.connect()
            )
            _ = try await bench.acquire("x 1s", by: holder)
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            bench.clock.advance(by: .seconds(1))
            try await bench.turn { engine in
                bench.receive("HOLDER x\r\nPING\r\n", from: other, on: engine)
                bench.refuseCommit(on: engine)
                // The store also refuses the commit of the next turn, in which the question is answered.
                engine.onLoop { bench.refuseCommit(on: $0) }
            }
            try await bench.turns(3)
            #expect(try await bench.output(of: other) == "\(EngineBench.ioError)+PONG\r\n")
            #expect(await bench.engine.run { $0.kept.isEmpty && $0.deferred.isEmpty })
        }
    }

    @Test func whatAClientSentBehindAKeptCommandIsDoneAlsoIfItIsGone() async throws {
        try await EngineBench.withLedger { bench in
            let (holder, waiter) = (try await bench.connect(uid: 0), try await bench.connect())
            let token = try await bench.acquire("x 30s", by: holder)
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            try await bench.turn { engine in
                bench.receive("RELEASE x \(token)\r\nREVOKE x\r\nPUT last word\r\n", from: holder, on: engine)
                engine.disconnected(holder)
            }
            try await bench.turns(2)
            #expect(try await bench.token(of: waiter) > token)
            #expect(try await bench.tenure("x") == nil, "it is revoked")
            #expect(try await bench.ask("GET last", from: waiter) == "$4\r\nword\r\n")
        }
    }

    @Test func aCommandThatIsKeptIsDoneAlsoIfItsClientWasCutAndHalfCloses() async throws {
        try await EngineBench.withLedger { bench in
            let (holder, waiter) = (try await bench.connect(uid: 0), try await bench.connect())
            let token = try await bench.acquire("x 30s", by: holder)
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            try await bench.turn { engine in
                // The client had more to do than fits a turn, and sends more before the next turn.
                engine.sessions[holder].map(engine.deferCommands)
                bench.receive("RELEASE x \(token)\r\nREVOKE x\r\nPUT last word\r\n", from: holder, on: engine)
                bench.closeInput(of: holder, on: engine)
            }
            try await bench.turns(2)
            #expect(try await bench.output(of: holder) == "+OK\r\n:1\r\n+OK\r\n")
            #expect(try await !bench.isOpen(holder))
            #expect(try await bench.token(of: waiter) > token)
            #expect(try await bench.tenure("x") == nil, "it is revoked")
        }
    }

    @Test func whoAsksShortlyAfterARefusedCommitFindsTheWaiterToo() async throws {
        try await EngineBench.withLedger { bench in
            let (holder, waiter) = (try await bench.connect(uid: 0), try await bench.connect())
            let token = try await bench.acquire("x 30s", by: holder)
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: waiter) == "")
            try await bench.turn { engine in
                bench.receive("TOKEN\r\n", from: holder, on: engine)
                bench.refuseCommit(on: engine)
            }
            #expect(try await bench.output(of: holder) == EngineBench.ioError)
            #expect(try await bench.ask("RELEASE x \(token)\r\nREVOKE x", from: holder) == "+OK\r\n:1\r\n")
            #expect(try await bench.token(of: waiter) > token)
        }
    }

    /// A command held back in the refused turn is executed; the commands after it are held back as usual.
    @Test func behindARefusedTurnTooACommandOfALeaseThatIsGrantedIsKept() async throws {
        try await EngineBench.withLedger { bench in
            let (first, second) = (try await bench.connect(uid: 0), try await bench.connect())
            let waiters = [try await bench.connect(), try await bench.connect()]
            let tokens = [
                try await bench.acquire("x 30s", by: second), try await bench.acquire("y 30s", by: first),
            ]
            for (waiter, name) in zip(waiters, ["x", "y"]) {
                #expect(try await bench.ask("ACQUIRE \(name) 30s WAIT FOREVER", from: waiter) == "")
            }
            try await bench.turn { engine in
                bench.receive("RELEASE x \(tokens[0])\r\n", from: second, on: engine)
                let commands = "HOLDER x\r\nRELEASE y \(tokens[1])\r\nREVOKE y\r\n"
                bench.receive(commands, from: first, on: engine)
                bench.refuseCommit(on: engine)
            }
            try await bench.turns(3)
            #expect(try await bench.output(of: second) == EngineBench.ioError)
            let replies = try await bench.output(of: first)
            #expect(replies.hasPrefix("*30\r\n") && replies.hasSuffix("+OK\r\n:1\r\n"), "\(replies)")
            #expect(try await bench.token(of: waiters[1]) > tokens[1])
            #expect(try await bench.tenure("y") == nil, "it is revoked")
        }
    }

    @Test func whoIsReplacedInALineIsNotToldOfATenureThatTheStoreRefused() async throws {
        try await EngineBench.withLedger { bench in
            let (holder, first, second) = (
                try await bench.connect(), try await bench.connect(), try await bench.connect()
            )
            let wait = "ACQUIRE x 30s WAIT FOREVER REQUEST 0123456789abcdef\r\n"
            try await bench.turn { engine in
                bench.receive("ACQUIRE x 30s\r\n", from: holder, on: engine)
                bench.receive(wait, from: first, on: engine)
                bench.receive(wait, from: second, on: engine)
                bench.refuseCommit(on: engine)
            }
            #expect(try await bench.output(of: holder) == EngineBench.ioError)
            #expect(try await bench.output(of: first) == EngineBench.ioError)
            #expect(try await bench.output(of: second) == "")
            try await bench.advance(by: Schedule.retryDelay)
            _ = try await bench.token(of: second)
        }
    }

    @Test func aLeaseWhoseGrantTheStoreHasRefusedIsToldToBeFree() async throws {
        try await EngineBench.withLedger { bench in
            let (first, waiter, other) = (
                try await bench.connect(), try await bench.connect(), try await bench.connect()
            )
            try await bench.turn { engine in
                bench.receive("ACQUIRE x 30s\r\n", from: first, on: engine)
                bench.receive("ACQUIRE x 30s WAIT FOREVER\r\n", from: waiter, on: engine)
                bench.refuseCommit(on: engine)
            }
            #expect(try await bench.output(of: first) == EngineBench.ioError)
            #expect(try await bench.ask("HOLDER x", from: other) == "$-1\r\n")
            #expect(try await bench.output(of: waiter) == "")
        }
    }

    @Test func aWaiterThatClosesInTheTurnOfTheReleaseIsNotGranted() async throws {
        for closesFirst in [true, false] {
            try await EngineBench.withLedger { bench in
                let holder = try await bench.connect()
                let token = try await bench.acquire("x 30s", by: holder)
                let gone = try await bench.connect()
                let next = try await bench.connect()
                #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: gone) == "")
                #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: next) == "")
                try await bench.turn { engine in
                    if closesFirst {
                        bench.hangUp(gone, on: engine)
                    }
                    bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
                    if !closesFirst {
                        bench.hangUp(gone, on: engine)
                    }
                }
                let granted = try await bench.token(of: next)
                #expect(try await bench.tenure("x")?.fence.rawValue == granted)
            }
        }
    }

    @Test func aRepetitionTakesTheWaitersPlace() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let old = try await bench.connect()
            let other = try await bench.connect()
            let again = try await bench.connect()
            let stranger = try await bench.connect(uid: 1001)
            let line = "ACQUIRE x 30s WAIT FOREVER REQUEST 0123456789abcdef"
            #expect(try await bench.ask(line + "\r\nPING", from: old) == "")
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: other) == "")
            // The same id from another user is a different request.
            #expect(try await bench.ask(line, from: stranger) == "")
            #expect(try await bench.ask(line, from: again) == "")
            try await bench.settle { $0.sessions[old]?.isDeferred == false }
            let refused = try await bench.output(of: old)
            #expect(refused.hasPrefix("-CONFLICT ") && refused.hasSuffix("\r\n+PONG\r\n"), "\(refused)")
            #expect(try await bench.ask("RELEASE x \(token)", from: holder) == "+OK\r\n")
            let granted = try await bench.token(of: again)
            // Repeated after the grant: the same token.
            #expect(try await bench.ask(line, from: old) == ":\(granted)\r\n")
        }
    }

    @Test func aThousandWaitersAreWokenOneAtATime() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            var token = try await bench.acquire("x 30s", by: holder)
            var waiters: [SessionID] = []
            for _ in 0..<1000 {
                waiters.append(try await bench.connect())
            }
            let all = waiters
            try await bench.turn { engine in
                for waiter in all {
                    bench.receive("ACQUIRE x 30s WAIT FOREVER\r\n", from: waiter, on: engine)
                }
            }
            #expect(await bench.engine.run { $0.waiting.lines.count } == 1000)
            var current = holder
            for waiter in waiters {
                let before = await bench.engine.run { $0.counters }
                #expect(try await bench.ask("RELEASE x \(token)", from: current) == "+OK\r\n")
                let reply = try await bench.output(of: waiter)
                token = try #require(EngineBench.token(reply))
                let after = await bench.engine.run { $0.counters }
                // One commit, and not a byte to anybody else.
                #expect(after.commits == before.commits + 1)
                #expect(after.bytesOut == before.bytesOut + Int64("+OK\r\n".utf8.count + reply.utf8.count))
                current = waiter
            }
        }
    }

    // MARK: The commands after a wait

    @Test func commandsBehindAWaitAreHeldBackAndKeepTheirOrder() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let x = try await bench.acquire("x 30s", by: holder)
            let y = try await bench.acquire("y 30s", by: holder)
            let waiter = try await bench.connect()
            try await bench.send(
                "PING\r\nACQUIRE x 30s WAIT FOREVER\r\nPING a\r\nACQUIRE y 30s WAIT FOREVER\r\nPING b\r\n",
                from: waiter
            )
            #expect(try await bench.output(of: waiter) == "+PONG\r\n")
            #expect(await !bench.isRead(waiter))
            #expect(try await bench.ask("RELEASE x \(x)", from: holder) == "+OK\r\n")
            try await bench.settle { $0.waiting.lines.count == 1 }
            try await bench.turns(1)
            let first = try await bench.output(of: waiter)
            #expect(first.hasSuffix("\r\n$1\r\na\r\n"), "\(first)")
            #expect(try await bench.ask("RELEASE y \(y)", from: holder) == "+OK\r\n")
            try await bench.settle { $0.sessions[waiter]?.isDeferred == false }
            let second = try await bench.output(of: waiter)
            #expect(second.hasSuffix("\r\n$1\r\nb\r\n"), "\(second)")
            #expect(await bench.isRead(waiter))
        }
    }

    @Test func aHalfCloseEndsTheWaitAndWhatIsBehindItIsAnswered() async throws {
        for isReleased in [false, true] {
            try await EngineBench.withLedger { bench in
                let holder = try await bench.connect()
                let token = try await bench.acquire("x 30s", by: holder)
                let waiter = try await bench.connect()
                #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER\r\nPING", from: waiter) == "")
                try await bench.turn { engine in
                    if isReleased {
                        bench.receive("RELEASE x \(token)\r\n", from: holder, on: engine)
                    }
                    bench.closeInput(of: waiter, on: engine)
                }
                try await bench.settle { $0.sessions[waiter] == nil }
                let output = try await bench.output(of: waiter)
                #expect(output.hasPrefix("-TIMEOUT ") && output.hasSuffix("\r\n+PONG\r\n"), "\(output)")
                #expect(try await !bench.isOpen(waiter))
                // A lease that became free in that turn is not granted to this waiter.
                #expect(try await (bench.tenure("x") == nil) == isReleased)
            }
        }
    }

    @Test func aWaitOfAHalfClosedConnectionEndsAtOnce() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 30s", by: holder)
            let waiter = try await bench.connect()
            try await bench.turn { engine in
                bench.receive(
                    "ACQUIRE x 30s WAIT FOREVER\r\nACQUIRE x 30s WAIT 1h\r\nPING\r\n",
                    from: waiter,
                    on: engine
                )
                bench.closeInput(of: waiter, on: engine)
            }
            try await bench.settle { $0.sessions[waiter] == nil }
            let words = try await bench.output(of: waiter).split(separator: "\r\n").map { $0.prefix(8) }
            #expect(words == ["-TIMEOUT", "-TIMEOUT", "+PONG"])
        }
    }

    @Test func aFullCloseDropsWhatWasSentBehindTheWait() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let token = try await bench.acquire("x 30s", by: holder)
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER\r\nPUT k v", from: waiter) == "")
            try await bench.turn { engine in
                bench.closeInput(of: waiter, on: engine)
                bench.hangUp(waiter, on: engine)
            }
            #expect(try await bench.ask("RELEASE x \(token)", from: holder) == "+OK\r\n")
            #expect(try await bench.ask("GET k", from: holder) == "$-1\r\n")
            #expect(try await bench.tenure("x") == nil)
            #expect(await bench.engine.run { $0.waiting.lines.count } == 0)
        }
    }

    @Test func aConnectionThatIsGoneJoinsNoLine() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            let x = try await bench.acquire("x 30s", by: holder)
            let y = try await bench.acquire("y 30s", by: holder)
            let waiter = try await bench.connect()
            let behind = "ACQUIRE x 30s WAIT FOREVER\r\nACQUIRE y 30s WAIT FOREVER"
            #expect(try await bench.ask(behind, from: waiter) == "")
            // The client is gone right after its grant; the commands that it sent after the wait are still executed.
            try await bench.turn { engine in
                bench.atNextFlush(of: waiter, on: engine) {
                    engine.assumeIsolated { bench.hangUp(waiter, on: $0) }
                }
                bench.receive("RELEASE x \(x)\r\n", from: holder, on: engine)
            }
            #expect(try await bench.output(of: holder) == "+OK\r\n")
            try await bench.settle { $0.sessions[waiter] == nil && $0.waiting.lines.count == 0 }
            try await bench.turns(3)
            #expect(await bench.engine.run { $0.waiting.lines.count } == 0)
            #expect(try await bench.ask("RELEASE y \(y)", from: holder) == "+OK\r\n")
            #expect(try await bench.tenure("y") == nil)
        }
    }

    // MARK: Time and limits

    @Test func atTheSameInstantAWaitEndsBeforeALease() async throws {
        for (wait, isGranted) in [("9999ms", false), ("10s", false), ("10001ms", true)] {
            try await EngineBench.withLedger { bench in
                let holder = try await bench.connect()
                _ = try await bench.acquire("x 10s", by: holder)
                let waiter = try await bench.connect()
                #expect(try await bench.ask("ACQUIRE x 10s WAIT \(wait)", from: waiter) == "")
                try await bench.advance(by: .milliseconds(9998))
                #expect(try await bench.output(of: waiter) == "")
                try await bench.advance(by: .milliseconds(2))
                let reply = try await bench.output(of: waiter)
                #expect(reply.hasPrefix(isGranted ? ":" : "-TIMEOUT "), "\(wait): \(reply)")
                #expect(try await (bench.tenure("x") != nil) == isGranted)
            }
        }
    }

    /// The daemon was stopped, or the machine suspended, while both ended.
    @Test func aLeaseThatEndedBeforeAWaitDidIsGrantedAllTheSame() async throws {
        for (wait, isGranted) in [("9999ms", false), ("10s", false), ("10001ms", true), ("11s", true)] {
            try await EngineBench.withLedger { bench in
                let holder = try await bench.connect()
                _ = try await bench.acquire("x 10s", by: holder)
                let waiter = try await bench.connect()
                let second = try await bench.connect()
                #expect(try await bench.ask("ACQUIRE x 10s WAIT \(wait)", from: waiter) == "")
                #expect(try await bench.ask("ACQUIRE x 10s WAIT 12s", from: second) == "")
                try await bench.advance(by: .seconds(20))
                let reply = try await bench.output(of: waiter)
                #expect(reply.hasPrefix(isGranted ? ":" : "-TIMEOUT "), "\(wait): \(reply)")
                // The second was in line when the lease ended, and is granted if nobody was ahead of it.
                let next = try await bench.output(of: second)
                #expect(next.hasPrefix(isGranted ? "-TIMEOUT " : ":"), "\(wait): \(next)")
                #expect(await bench.engine.run { $0.waiting.lines.count } == 0)
            }
        }
    }

    /// A turn may last longer than the rest of a wait: what was decided before the wait's end counts, even if others
    /// ask about the lease meanwhile.
    @Test(arguments: ["RELEASE x TOKEN", "REVOKE x", "HOLDER x", "CHECK x TOKEN", "KEYS REMOVE x"])
    func aLeaseThatATurnFreesBeforeAWaitEndsIsTheWaiters(_ command: String) async throws {
        for (left, isGranted) in [(1, true), (0, false), (-1, false)] {
            try await EngineBench.withLedger { bench in
                let holder = try await bench.connect(uid: 0)
                let isTimed = command.hasPrefix("HOLDER") || command.hasPrefix("CHECK")
                let token = try await bench.acquire("x \(isTimed ? 10_000 - left : 60_000)ms", by: holder)
                let (waiter, late) = (try await bench.connect(), try await bench.connect())
                #expect(try await bench.ask("ACQUIRE x 30s WAIT 10s", from: waiter) == "")
                let command = command.replacing("TOKEN", with: "\(token)")
                try await bench.turn { engine in
                    bench.clock.advance(by: .milliseconds(10_000 - left))
                    bench.receive(command + "\r\n", from: holder, on: engine)
                    bench.clock.advance(by: .milliseconds(5))
                    bench.receive("ACQUIRE x 30s\r\n", from: late, on: engine)
                }
                let place = "\(command), \(left) ms before the wait's end"
                let reply = try await bench.output(of: waiter)
                #expect(reply.hasPrefix(isGranted ? ":" : "-TIMEOUT "), "\(place): \(reply)")
                let other = try await bench.output(of: late)
                #expect(other.hasPrefix(isGranted ? "-CONFLICT " : ":"), "\(place): \(other)")
            }
        }
    }

    @Test func aRefusedCommitOfSuchAGrantEndsTheWait() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 10s", by: holder)
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 10s WAIT 11s", from: waiter) == "")
            bench.clock.advance(by: .seconds(20))
            try await bench.turn { engine in
                bench.refuseCommit(on: engine)
                engine.timerFired()
            }
            #expect(try await bench.output(of: waiter) == "")
            // Its time is up, and nobody knows when the store will accept a grant again.
            try await bench.turn { $0.timerFired() }
            #expect(try await bench.output(of: waiter).hasPrefix("-TIMEOUT "))
            #expect(await bench.engine.run { $0.waiting.lines.count } == 0)
        }
    }

    @Test func theTTLOfAWaitedGrantCountsFromTheGrant() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 10s", by: holder)
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT 1m", from: waiter) == "")
            try await bench.advance(by: .seconds(10))
            let token = try await bench.token(of: waiter)
            #expect(try await bench.ask("CHECK x \(token)", from: waiter) == ":30000\r\n")
        }
    }

    @Test func aFullLineRefusesAndTheConnectionGoesOn() async throws {
        try await EngineBench.withLedger({ $0.limits.waitersPerLease = 1 }) { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 30s", by: holder)
            let first = try await bench.connect()
            let second = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: first) == "")
            let refused = try await bench.ask("ACQUIRE x 30s WAIT FOREVER\r\nPING", from: second)
            #expect(refused.hasPrefix("-BUSY ") && refused.hasSuffix("\r\n+PONG\r\n"), "\(refused)")
            try await bench.turn { engine in bench.hangUp(first, on: engine) }
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER", from: second) == "")
        }
    }

    // MARK: The end

    @Test func atTheStopWaitersSeeTheirConnectionClose() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 30s", by: holder)
            let waiter = try await bench.connect()
            #expect(try await bench.ask("ACQUIRE x 30s WAIT FOREVER\r\nPING", from: waiter) == "")
            try await bench.engine.drain()
            #expect(try await bench.output(of: waiter) == "")
            #expect(try await !bench.isOpen(waiter))
            #expect(await bench.engine.run { $0.waiting.lines.count } == 0)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aWaitThatWouldBeginDuringTheStopIsNoTimeout() async throws {
        try await EngineBench.withLedger { bench in
            let holder = try await bench.connect()
            _ = try await bench.acquire("x 30s", by: holder)
            let waiter = try await bench.connect()
            // So many replies that the wait would begin only when nothing more is read.
            let flood = String(repeating: "COMMAND DOCS\r\n", count: 2000)
            try await bench.turn { engine in
                bench.receive(flood + "ACQUIRE x 30s WAIT FOREVER\r\nPING\r\n", from: waiter, on: engine)
            }
            try await bench.engine.drain()
            let output = try await bench.output(of: waiter)
            #expect(output.utf8.count > 4 << 20)
            #expect(!output.contains("\r\n-TIMEOUT") && !output.contains("+PONG"))
            #expect(try await !bench.isOpen(waiter))
        }
    }
}
