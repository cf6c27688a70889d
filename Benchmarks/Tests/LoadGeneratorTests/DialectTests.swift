import LoadGenerator
import Testing

@Suite struct DialectTests {
    @Test func leasedReleasesWithTheTokenOfItsLane() throws {
        var dialect = LeasedDialect(names: LockNames(prefix: "lock:"), lanes: 2, ttl: "30s")
        try dialect.take(.number(1_763_000_000_000_001), to: .acquire, lane: 0)
        try dialect.take(.number(1_763_000_000_000_002), to: .acquire, lane: 1)
        let output = OutputBuffer()
        dialect.append(.acquire, lane: 0, name: 42, to: output)
        dialect.append(.release, lane: 1, name: 7, to: output)
        #expect(
            output.bytes
                == RESPCommand.bytes(["ACQUIRE", "lock:0000042", "30s"])
                + RESPCommand.bytes(["RELEASE", "lock:0000007", "1763000000000002"])
        )
    }

    @Test func everyCommandOfLeasedIsAWholeFrame() throws {
        var dialect = LeasedDialect(names: LockNames(prefix: "l:"), lanes: 1, ttl: "1h")
        try dialect.take(.number(1_763_000_000_000_001), to: .acquire, lane: 0)
        let token = "1763000000000001"
        let expected: [Operation: [String]] = [
            .acquire: ["ACQUIRE", "l:0000001", "1h"],
            .release: ["RELEASE", "l:0000001", token],
            .renew: ["RENEW", "l:0000001", token, "1h"],
            .check: ["CHECK", "l:0000001", token],
            .get: ["GET", "l:0000001"],
        ]
        for operation in Operation.allCases where operation != .put {
            let output = OutputBuffer()
            dialect.append(operation, lane: 0, name: 1, to: output)
            #expect(output.bytes == RESPCommand.bytes(try #require(expected[operation])))
        }
    }

    @Test func everyPutWritesAnotherValueOf100Bytes() {
        var leased = LeasedDialect(names: LockNames(prefix: "l:"), lanes: 1, ttl: "1h")
        var redis = RedisDialect(names: LockNames(prefix: "l:"), lanes: 1, client: 0)
        var values: Set<String> = []
        for _ in 0..<3 {
            for (command, append) in [
                ("PUT", { leased.append(.put, lane: 0, name: 1, to: $0) }),
                ("SET", { redis.append(.put, lane: 0, name: 1, to: $0) }),
            ] as [(String, (OutputBuffer) -> Void)] {
                let output = OutputBuffer()
                append(output)
                let words = String(decoding: output.bytes, as: UTF8.self).split(separator: "\r\n")
                let value = String(words.last ?? "")
                #expect(output.bytes == RESPCommand.bytes([command, "l:0000001", value]))
                #expect(value.utf8.count == 100)
                values.insert(value)
            }
        }
        #expect(values.count == 6)
    }

    @Test func tokenThatIsNotGreaterIsAnError() throws {
        var dialect = LeasedDialect(names: LockNames(prefix: "lock:"), lanes: 1, ttl: "30s")
        try dialect.take(.number(2), to: .acquire, lane: 0)
        #expect(throws: LoadError.self) { try dialect.take(.number(2), to: .renew, lane: 0) }
    }

    @Test(arguments: [RESPReply.null, .error("CONFLICT"), .number(0), .bulk([])])
    func refusalOfLeasedIsAnError(reply: RESPReply) {
        var dialect = LeasedDialect(names: LockNames(prefix: "lock:"), lanes: 1, ttl: "30s")
        #expect(throws: LoadError.self) { try dialect.take(reply, to: .acquire, lane: 0) }
        #expect(throws: LoadError.self) { try dialect.take(.null, to: .release, lane: 0) }
    }

    @Test func redisComparesItsOwnTokenByScript() throws {
        var dialect = RedisDialect(names: LockNames(prefix: "lock:"), lanes: 1, client: 0)
        try dialect.prepared(["one", "two", "three"].map { .bulk(Array($0.utf8)) })
        let output = OutputBuffer()
        dialect.append(.acquire, lane: 0, name: 3, to: output)
        dialect.append(.renew, lane: 0, name: 3, to: output)
        dialect.append(.release, lane: 0, name: 3, to: output)
        let token = "0000010000000001"
        #expect(
            output.bytes
                == RESPCommand.bytes(["SET", "lock:0000003", token, "NX", "PX", "30000"])
                + RESPCommand.bytes(["EVALSHA", "two", "1", "lock:0000003", token, "30000"])
                + RESPCommand.bytes(["EVALSHA", "one", "1", "lock:0000003", token])
        )
    }

    @Test func refusalOfRedisIsAnError() {
        let dialect = RedisDialect(names: LockNames(prefix: "lock:"), lanes: 1, client: 0)
        #expect(throws: LoadError.self) { try dialect.take(.null, to: .acquire, lane: 0) }
        #expect(throws: LoadError.self) { try dialect.take(.number(0), to: .release, lane: 0) }
    }
}
