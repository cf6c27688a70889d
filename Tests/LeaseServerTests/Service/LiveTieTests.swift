import Glibc
import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore
import Synchronization
import Testing

@testable import LeaseServer

/// Waits, bindings and ties on real sockets: what the kernel reports at a close, a half close and the last close.
@Suite struct LiveTieTests {
    @Test func aTieEndsWithTheLastDescriptorOfItAndNotBefore() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            let fence = try #require(try await client.ask("ACQUIRE x 1h").integer)
            var tie: RawClient? = try test.connect()
            #expect(try await tie?.ask("TIE x \(fence)") == .simpleString("OK"))
            // The TTL becomes short only once the lease is tied, since a busy machine may take long until then.
            let token = try #require(try await client.ask("RENEW x \(fence) 1s").integer)
            let inherited = try #require(tie).inherited()
            // The client shuts down its writing side and exits; another process holds the tie past the deadline.
            tie?.finish()
            tie = nil
            let waiter = try test.connect()
            try await waiter.send("ACQUIRE x 30s WAIT FOREVER\r\n")
            try await eventually("the tenure is overdue") {
                try await client.ask("CHECK x \(token)") == .integer(0)
            }
            #expect(await test.engine.run { $0.waiting.lines.count } == 1)
            close(inherited)
            let granted = try await waiter.reply().integer ?? 0
            #expect(granted > token)
        }
    }

    @Test func nothingSentByATieMeansAnything() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            let token = try #require(try await client.ask("ACQUIRE x 30s").integer)
            let tie = try test.connect()
            #expect(try await tie.ask("TIE x \(token)") == .simpleString("OK"))
            // More than the socket takes, so that the server would have to read.
            let flood = String(repeating: "PUT k v\r\n", count: 200_000)
            #expect(try await tie.offer(flood) < flood.utf8.count)
            tie.finish()
            #expect(try await client.ask("GET k") == .null)
            #expect(try await client.ask("CHECK x \(token)").integer ?? 0 > 0)
        }
    }

    @Test func aBoundTenureEndsWhenItsClientHangsUp() async throws {
        for isHalf in [true, false] {
            try await TestServer.with { test in
                var holder: RawClient? = try test.connect()
                let token = try #require(try await holder?.ask("ACQUIRE x 1h BIND").integer)
                let waiter = try test.connect()
                try await waiter.send("ACQUIRE x 30s WAIT FOREVER\r\n")
                try await eventually("it waits") { await test.engine.run { $0.waiting.lines.count } == 1 }
                if isHalf {
                    holder?.finish()
                } else {
                    holder = nil
                }
                let granted = try await waiter.reply().integer ?? 0
                #expect(granted > token)
                withExtendedLifetime(holder) {}
            }
        }
    }

    /// How a holder disconnects, and whether that ends what is attached to its connection.
    struct Going: CustomTestStringConvertible, Sendable {
        let isTie: Bool
        let isHalf: Bool
        var isEnd: Bool { !isTie || !isHalf }
        var testDescription: String { "\(isTie ? "tie" : "bound"), \(isHalf ? "half closed" : "closed")" }

        static let all = [false, true].flatMap { isTie in [false, true].map { Going(isTie: isTie, isHalf: $0) } }
    }

    @Test(arguments: Going.all) func whoComesBeforeTheLoopSeesTheHolderGoFindsItGone(_ going: Going) async throws {
        let questions = [
            "RENEW x FENCE 1h", "ACQUIRE x 30s", "HOLDER x", "CHECK x", "PUT k v IF x", "REVOKE x", "KEYS REMOVE x x",
            "IMPORT KEY x LEASE 1 \((time(nil) + 3600) * 1000)",
        ]
        for question in questions {
            try await TestServer.with { test in
                let other = try test.connect()
                let id = try #require(try await other.ask("CLIENT ID").integer)
                var holder: RawClient? = try test.connect()
                let fence = try #require(try await holder?.ask("ACQUIRE x 1h\(going.isTie ? "" : " BIND")").integer)
                if going.isTie { #expect(try await holder?.ask("TIE x \(fence)") == .simpleString("OK")) }
                let descriptor = try #require(holder).inherited()
                holder = nil
                let asked =
                    question.hasPrefix("CHECK") || question.hasPrefix("PUT")
                    ? "\(question) \(fence)" : question.replacing("FENCE", with: "\(fence)")
                // In one turn, without a look at the sockets in between.
                await test.engine.run { engine in
                    if going.isHalf {
                        shutdown(descriptor, Int32(SHUT_WR))
                    } else {
                        close(descriptor)
                    }
                    engine.received(ByteBuffer(string: asked + "\r\n"), from: SessionID(rawValue: id))
                }
                let reply = try await other.reply()
                let isFound =
                    switch question {
                    case "HOLDER x": reply != .null
                    case "ACQUIRE x 30s", questions.last: reply.errorWord == "CONFLICT"
                    case "REVOKE x", "KEYS REMOVE x x": reply == .integer(1)
                    default: reply.errorWord != "EXPIRED"
                    }
                #expect(isFound != going.isEnd, "\(question): \(reply)")
                if going.isHalf { close(descriptor) }
            }
        }
    }

    @Test func whatAHolderSentIsAnsweredBeforeItsHalfCloseEndsItsBinding() async throws {
        try await TestServer.with { test in
            let holder = try test.connect()
            let id = try #require(try await holder.ask("CLIENT ID").integer)
            let fence = try #require(try await holder.ask("ACQUIRE x 1h BIND").integer)
            let descriptor = holder.inherited()
            await test.engine.run { engine in
                shutdown(descriptor, Int32(SHUT_WR))
                for last in ["HOLDER x\r\n", "PUT k v IF x \(fence)\r\n"] {
                    engine.received(ByteBuffer(string: last), from: SessionID(rawValue: id))
                }
            }
            #expect(try await holder.reply() != .null)
            #expect(try await holder.reply() == .simpleString("OK"))
            #expect(try await holder.rest() == "")
            let other = try test.connect()
            try await eventually("its binding has ended") { try await other.ask("HOLDER x") == .null }
            close(descriptor)
        }
    }

    @Test(arguments: [
        ("PING\r\n", true), ("RELEASE x FENCE\r\n", true), ("RENEW x FENCE 1h UNBIND\r\n", false),
        ("CHECK y 1\r\nRENEW x FENCE 1h UNBIND\r\n", false), ("RENEW x FENCE 1h BIND\r\n", true), ("LEASES\r\n", true),
        ("PUT k vvvvv", true),
    ])
    func whatAHolderSentBeforeItWentComesBeforeWhoSawItGo(_ last: String, isFree: Bool) async throws {
        try await TestServer.with { test in
            let other = try test.connect()
            let id = try #require(try await other.ask("CLIENT ID").integer)
            var holder: RawClient? = try test.connect()
            let fence = try #require(try await holder?.ask("ACQUIRE x 1h BIND").integer)
            let descriptor = try #require(holder).inherited()
            holder = nil
            let bytes = Array(last.replacing("FENCE", with: "\(fence)").utf8)
            await test.engine.run { engine in
                #expect(send(descriptor, bytes, bytes.count, 0) == bytes.count)
                close(descriptor)
                engine.received(ByteBuffer(string: "ACQUIRE x 30s\r\n"), from: SessionID(rawValue: id))
            }
            let reply = try await other.reply()
            #expect(isFree ? reply.integer ?? 0 > fence : reply.errorWord == "CONFLICT", "\(reply)")
            #expect(try await other.ask("GET k") == .null)
        }
    }

    @Test(arguments: ["ACQUIRE x 1h BIND", "RENEW x FENCE 1h BIND"])
    func whatIsBoundToAConnectionThatIsGoneByThenIsFree(_ binding: String) async throws {
        try await TestServer.with { test in
            let other = try test.connect()
            let id = try #require(try await other.ask("CLIENT ID").integer)
            var first: RawClient? = try test.connect()
            let fence = binding.hasPrefix("RENEW") ? try await first?.ask("ACQUIRE x 1h BIND").integer : 0
            var holder: RawClient? = try test.connect()
            let holderID = try #require(try await holder?.ask("CLIENT ID").integer)
            let descriptors = [try #require(first).inherited(), try #require(holder).inherited()]
            (first, holder) = (nil, nil)
            let bytes = ByteBuffer(string: binding.replacing("FENCE", with: "\(fence ?? 0)") + "\r\n")
            await test.engine.run { engine in
                engine.received(bytes, from: SessionID(rawValue: holderID))
                descriptors.forEach { close($0) }
                engine.received(ByteBuffer(string: "HOLDER x\r\nACQUIRE x 1h\r\n"), from: SessionID(rawValue: id))
            }
            #expect(try await other.reply() == .null)
            #expect(try await other.reply().integer ?? 0 > fence ?? 0)
        }
    }

    /// The last commands of a holder count as sent after the command that finds it gone, and that turn may take a
    /// while.
    @Test func theTimeOfWhatIsReadBehindACommandCountsFromThen() async throws {
        try await TestServer.with(clock: try TickingClock()) { test in
            let other = try test.connect()
            let id = try #require(try await other.ask("CLIENT ID").integer)
            let holder = try test.connect()
            let bound = try #require(try await holder.ask("ACQUIRE x 1h BIND").integer)
            let renewed = try #require(try await holder.ask("ACQUIRE y 1h").integer)
            let descriptor = holder.inherited()
            let last = Array("RENEW y \(renewed) 1h\r\n".utf8)
            let before = await test.engine.run { engine in
                #expect(send(descriptor, last, last.count, 0) == last.count)
                shutdown(descriptor, Int32(SHUT_WR))
                let before = engine.clock.now().boot
                // Executed at the next reading of the clock.
                engine.received(ByteBuffer(string: "CHECK x \(bound)\r\n"), from: SessionID(rawValue: id))
                return before
            }
            #expect(try await holder.reply().integer ?? 0 > renewed)
            let name = try LeaseName("y")
            let deadline = try #require(await test.engine.run { $0.backend.tenure(of: name)?.deadline.boot })
            #expect(deadline.advanced(by: .seconds(-3600)) > before.advanced(by: TickingClock.tick))
            close(descriptor)
        }
    }

    @Test func whoIsAskedAboutWhileItsCommandsAreDoneIsNotGone() async throws {
        try await TestServer.with { test in
            let first = try test.connect()
            let id = try #require(try await first.ask("CLIENT ID").integer)
            let fence = try #require(try await first.ask("ACQUIRE x 1h BIND").integer)
            var second: RawClient? = try test.connect()
            let other = try #require(try await second?.ask("ACQUIRE y 1h BIND").integer)
            let (mine, its) = (first.inherited(), try #require(second).inherited())
            second = nil
            await test.engine.run { engine in
                // The second client asks about the first one's lease and closes; then the first half closes.
                #expect(send(its, "HOLDER x\r\n", 10, 0) == 10)
                close(its)
                shutdown(mine, Int32(SHUT_WR))
                let commands = "CHECK y \(other)\r\nPUT k v IF x \(fence)\r\n"
                engine.received(ByteBuffer(string: commands), from: SessionID(rawValue: id))
            }
            #expect(try await first.reply().errorWord == "EXPIRED")
            #expect(try await first.reply() == .simpleString("OK"))
            close(mine)
        }
    }

    @Test func aHolderThatIsFoundGoneInALineHasNotItsBindingsEither() async throws {
        try await TestServer.with { test in
            let other = try test.connect()
            let id = try #require(try await other.ask("CLIENT ID").integer)
            let token = try #require(try await other.ask("ACQUIRE y 1h").integer)
            var holder: RawClient? = try test.connect()
            let fence = try #require(try await holder?.ask("ACQUIRE x 1h BIND").integer)
            try await holder?.send("ACQUIRE y 1h WAIT FOREVER\r\n")
            try await eventually("it waits") { await test.engine.run { $0.waiting.lines.count } == 1 }
            let descriptor = try #require(holder).inherited()
            holder = nil
            await test.engine.run { engine in
                close(descriptor)
                engine.received(ByteBuffer(string: "RELEASE y \(token)\r\n"), from: SessionID(rawValue: id))
                // After the end of the turn, and before the loop looks at a socket.
                engine.eventLoop.execute {
                    engine.assumeIsolated { engine in
                        #expect(engine.waiting.lines.count == 0)
                        engine.received(ByteBuffer(string: "ACQUIRE x 1h\r\n"), from: SessionID(rawValue: id))
                    }
                }
            }
            #expect(try await other.reply() == .simpleString("OK"))
            #expect(try await other.reply().integer ?? 0 > fence)
        }
    }

    @Test(arguments: [false, true])
    func aWaiterThatLeavesBeforeTheLoopSeesItIsNotGranted(_ isHalf: Bool) async throws {
        try await TestServer.with { test in
            let watcher = try test.connect()
            try await watcher.send("SUBSCRIBE x\r\n")
            _ = try await watcher.reply()
            let holder = try test.connect()
            let id = try #require(try await holder.ask("CLIENT ID").integer)
            let token = try #require(try await holder.ask("ACQUIRE x 1h OWNER first").integer)
            var leaver: RawClient? = try test.connect()
            let next = try test.connect()
            for (client, owner, count) in [(leaver, "leaver", 1), (next, "next", 2)] {
                try await client?.send("ACQUIRE x 1h OWNER \(owner) WAIT FOREVER\r\nPUT \(owner) v\r\n")
                try await eventually("it waits") { await test.engine.run { $0.waiting.lines.count } == count }
            }
            let descriptor = try #require(leaver).inherited()
            if !isHalf { leaver = nil }
            await test.engine.run { engine in
                if isHalf {
                    shutdown(descriptor, Int32(SHUT_WR))
                } else {
                    close(descriptor)
                }
                engine.received(ByteBuffer(string: "RELEASE x \(token)\r\n"), from: SessionID(rawValue: id))
            }
            #expect(try await holder.reply() == .simpleString("OK"))
            #expect(try await next.reply().integer ?? 0 > token)
            #expect(try await next.reply() == .simpleString("OK"))
            for words in [#""owner":"first""#, #""event":"released""#, #""owner":"next""#] {
                let message = try #require(try await watcher.reply().elements?.last?.text)
                #expect(message.contains(words), "\(message)")
            }
            if let leaver {
                let rest = try await leaver.rest()
                #expect(rest.hasPrefix("-TIMEOUT ") && rest.hasSuffix("\r\n+OK\r\n"), "\(rest)")
                close(descriptor)
            }
            // Commands that a vanished client sent after its wait are dropped.
            #expect(try await holder.ask("GET leaver").text == (isHalf ? "v" : nil))
        }
    }

    @Test func aWaiterThatHalfClosesIsAnsweredAndOneThatClosesIsGone() async throws {
        try await TestServer.with { test in
            let holder = try test.connect()
            let token = try #require(try await holder.ask("ACQUIRE x 1h").integer)
            let half = try test.connect()
            var gone: RawClient? = try test.connect()
            try await half.send("ACQUIRE x 30s WAIT FOREVER\r\nPING\r\n")
            try await gone?.send("ACQUIRE x 30s WAIT FOREVER\r\nPUT k v\r\n")
            try await eventually("both wait") { await test.engine.run { $0.waiting.lines.count } == 2 }
            half.finish()
            gone = nil
            let rest = try await half.rest()
            #expect(rest.hasPrefix("-TIMEOUT ") && rest.hasSuffix("\r\n+PONG\r\n"), "\(rest)")
            try await eventually("nobody waits") { await test.engine.run { $0.waiting.lines.count } == 0 }
            #expect(try await holder.ask("RELEASE x \(token)") == .simpleString("OK"))
            #expect(try await holder.ask("HOLDER x") == .null)
            #expect(try await holder.ask("GET k") == .null)
            withExtendedLifetime(gone) {}
        }
    }
}

/// The machine's clock, advanced by one tick at each reading.
private final class TickingClock: LeaseClock {
    static let tick = Duration.seconds(1)
    private let start: Moment
    private let readings = Atomic<Int>(0)
    let bootIdentity: String

    init() throws {
        let clock = try SystemLeaseClock()
        (start, bootIdentity) = (clock.now(), clock.bootIdentity)
    }

    func now() -> Moment {
        let (_, reading) = readings.add(1, ordering: .relaxed)
        return start.advanced(by: Self.tick * reading)
    }
}
