import LeaseCore
import LeaseWire
import Testing

@testable import LeaseServer

/// The limit on the store's file: what is refused past it, and what is not.
@Suite struct LiveStoreLimitTests {
    private static func field(_ name: String, _ client: RawClient) async throws -> Int? {
        let text = try #require(try await client.ask("INFO Store").text)
        let line = text.split(separator: "\r\n").first { $0.hasPrefix(name + ":") }
        return line.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    @Test func aFullStoreRefusesWhatGrowsItAndGoesOnWithLeases() async throws {
        let limit = 1 << 20
        try await TestServer.with {
            $0.limits.storeBytes = limit
        } body: { test in
            let client = try test.connect()
            let value = String(repeating: "v", count: 60_000)
            var count = 0
            while try await client.ask("PUT key\(count) \(value)") == .simpleString("OK") {
                count += 1
                try #require(count < 100)
            }
            #expect(count > 10)
            for refused in ["PUT key0 \(value)", "PUT k v", "PREFIX APPEND k c", "IMPORT KEY k SIMPLE v"] {
                #expect(try await client.ask(refused).errorWord == "BUSY", "\(refused.prefix(20))")
            }
            #expect(try await Self.field("store_bytes_limit", client) == limit)
            #expect(try #require(try await Self.field("store_used_bytes", client)) >= limit)
            // Leases and reads continue to work, and removing makes room.
            let token = try #require(try await client.ask("ACQUIRE a 30s").integer)
            #expect(try await client.ask("RENEW a \(token) 30s").integer != nil)
            #expect(try await client.ask("GET key0").text == value)
            #expect(try await client.ask("PUT k v IF a 1").errorWord == "EXPIRED")
            for number in 0..<4 {
                #expect(try await client.ask("DELETE key\(number)") == .integer(1))
            }
            #expect(try await client.ask("PUT k v") == .simpleString("OK"))
        }
    }

    @Test func aReloadMovesTheLimit() async throws {
        try await TestServer.with {
            $0.limits.storeBytes = 1 << 20
        } body: { test in
            let client = try test.connect()
            let value = String(repeating: "v", count: 60_000)
            for number in 0..<100 where try await client.ask("PUT key\(number) \(value)").errorWord == "BUSY" { break }
            #expect(try await client.ask("PUT k v").errorWord == "BUSY")
            var configuration = test.configuration
            configuration.limits.storeBytes = 2 << 20
            await test.server.apply(configuration)
            #expect(try await client.ask("PUT k v") == .simpleString("OK"))
            #expect(try await Self.field("store_bytes_limit", client) == 2 << 20)
            configuration.limits.storeBytes = 1 << 20
            await test.server.apply(configuration)
            #expect(try await client.ask("PUT k v").errorWord == "BUSY")
        }
    }
}
