import Glibc
import LeaseCore
import LeaseWire
import Testing

@testable import LeaseServer

/// Waits, bindings and ties on real sockets: what the kernel says of a close, a half close and the last close.
@Suite struct LiveTieTests {
    @Test func aTieEndsWithTheLastDescriptorOfItAndNotBefore() async throws {
        try await TestServer.with { test in
            let client = try test.connect()
            let fence = try #require(try await client.ask("ACQUIRE x 1h").integer)
            var tie: RawClient? = try test.connect()
            #expect(try await tie?.ask("TIE x \(fence)") == .simpleString("OK"))
            // Short only once it is tied: how long a busy machine takes until then is not known.
            let token = try #require(try await client.ask("RENEW x \(fence) 1s").integer)
            let inherited = try #require(tie).inherited()
            // The client shuts down its writing side and ends; another process holds on, past the deadline.
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
