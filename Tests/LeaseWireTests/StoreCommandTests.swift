import LeaseCore
import NIOCore
import Testing

@testable import LeaseWire

@Suite struct StoreCommandTests {
    private func parse(_ words: String..., limits: ValueLimits = ValueLimits()) throws(LeaseError) -> Command {
        try Command.parse(RESPFrame(arguments: words.map { .bytes(ByteBuffer(string: $0)) }), limits: limits)
    }

    /// The error that refuses a line, as a person types it, or `nil` if it is accepted.
    private func refusal(_ line: String, limits: ValueLimits = ValueLimits()) throws -> LeaseError? {
        let frame = try #require(Parsed(whole: Array((line + "\n").utf8)).frames.first)
        do throws(LeaseError) {
            _ = try Command.parse(frame, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func readsTheCommandsOnValues() throws {
        let key = try Key("a")
        let guarded = try LeaseGuard(lease: LeaseName("backup"), token: #require(Token(rawValue: 7)))
        let value = ByteBuffer(string: "v")
        #expect(try parse("PUT", "a", "v") == .store(.put(key: key, value: value, if: nil)))
        #expect(try parse("set", "a", "v", "if", "backup", "7") == .store(.put(key: key, value: value, if: guarded)))
        #expect(try parse("PUT", "a", "") == .store(.put(key: key, value: ByteBuffer(), if: nil)))
        #expect(try parse("GET", "a") == .store(.get(key: key)))
        #expect(try parse("DELETE", "a") == .store(.delete(key: key, if: nil)))
        #expect(try parse("Del", "a", "IF", "backup", "7") == .store(.delete(key: key, if: guarded)))
    }

    @Test func readsTheCommandsOnPrefixes() throws {
        let key = try Key("a")
        let child = try Key("IF")
        let guarded = try LeaseGuard(lease: LeaseName("backup"), token: #require(Token(rawValue: 7)))
        #expect(try parse("PREFIX", "APPEND", "a", "IF") == .store(.prefixAppend(key: key, child: child, if: nil)))
        #expect(
            try parse("prefix", "append", "a", "IF", "IF", "backup", "7")
                == .store(.prefixAppend(key: key, child: child, if: guarded))
        )
        #expect(
            try parse("PREFIX", "LIST", "a") == .store(.prefixList(PrefixListCommand(key: key, after: nil, count: nil)))
        )
        #expect(
            try parse("PREFIX", "LIST", "a", "COUNT", "2", "AFTER", "IF")
                == .store(.prefixList(PrefixListCommand(key: key, after: child, count: 2)))
        )
        #expect(try parse("PREFIX", "CONTAINS", "a", "IF") == .store(.prefixContains(key: key, child: child)))
        #expect(
            try parse("PREFIX", "REMOVE", "a", "IF", "IF", "backup", "7")
                == .store(.prefixRemove(key: key, child: child, if: guarded))
        )
    }

    @Test func readsTheCommandsOnKeys() throws {
        let key = try Key("a")
        #expect(try parse("KEYS", "LIST") == .store(.keysList(KeysListCommand(prefix: [], after: nil, count: nil))))
        #expect(
            try parse("KEYS", "LIST", "PREFIX", "", "AFTER", "a", "COUNT", "9")
                == .store(.keysList(KeysListCommand(prefix: [], after: key, count: 9)))
        )
        #expect(
            try parse("KEYS", "RANGE", "18446744073709551615", "0", "AFTER", "a", "COUNT", "9")
                == .store(.keysRange(KeysRangeCommand(low: .max, high: 0, after: key, count: 9)))
        )
        #expect(try parse("KEYS", "TRACKER", "a") == .store(.keysTracker(key: key)))
        #expect(try parse("KEYS", "REMOVE", "a", "IF", "a") == .store(.keysRemove(keys: [key, Key("IF"), key])))
        #expect(try parse("EXPORT", "a") == .store(.export(keys: [key])))
        #expect(try parse("EXPORT", "a", "COUNT") == .store(.export(keys: [key, Key("COUNT")])))
    }

    @Test(arguments: [["LEASES"], ["PREFIX", "LIST", "a"], ["KEYS", "LIST"], ["KEYS", "RANGE", "0", "0"]])
    func behindNoBytesAListBeginsAtItsBeginning(words: [String]) throws {
        func parsed(_ words: [String]) throws -> Command {
            try Command.parse(RESPFrame(arguments: words.map { .bytes(ByteBuffer(string: $0)) }))
        }
        #expect(try parsed(words + ["AFTER", "", "COUNT", "2"]) == parsed(words + ["COUNT", "2"]))
    }

    static let misfits: [(line: String, message: String)] = [
        ("PUT a", "wrong number of arguments for 'put' command: PUT key value [IF lease token]"),
        ("SET a v NX", "'NX' is no keyword here: SET key value [IF lease token]"),
        ("PUT a v IF l", "'IF' wants 2 values behind it: PUT key value [IF lease token]"),
        ("PUT a v IF l 1 IF l 1", "'IF' came twice: PUT key value [IF lease token]"),
        ("PUT a v IF l 0", "'0' is not a token; a token is a decimal integer from 1 to 9007199254740991"),
        ("PUT a v IF \"\" 1", "a lease name has at least one byte, and this one is empty; name one"),
        ("PUT \"\" v", "a key has at least one byte, and this one is empty; name one"),
        ("PREFIX APPEND a \"\"", "a child has at least one byte, and this one is empty; name one"),
        ("GET a b", "wrong number of arguments for 'get' command: GET key"),
        ("DEL a b c", "'b' is no keyword here: DEL key [IF lease token]"),
        ("PREFIX", "wrong number of arguments for 'prefix' command: PREFIX APPEND|LIST|CONTAINS|REMOVE"),
        ("KEYS *", "unknown subcommand '*': KEYS LIST|RANGE|TRACKER|REMOVE"),
        ("KEYS REMOVE", "wrong number of arguments for 'keys|remove' command: KEYS REMOVE key [key ...]"),
        ("EXPORT", "wrong number of arguments for 'export' command: EXPORT key [key ...]"),
        ("KEYS RANGE -1 0", "'-1' is not a hash; a hash is an integer from 0 to 18446744073709551615"),
        (
            "KEYS RANGE 0 18446744073709551616",
            "'18446744073709551616' is not a hash; a hash is an integer from 0 to 18446744073709551615"
        ),
        ("KEYS LIST COUNT 0", "'0' is not a count; a count is an integer from 1 to 9223372036854775807"),
    ]

    @Test(arguments: misfits) func aMisfitIsExplained(line: String, message: String) throws {
        #expect(try refusal(line) == LeaseError(.invalidRequest, message))
    }

    @Test(arguments: [
        "GET k", "PUT k v", "PREFIX APPEND a k", "PREFIX LIST a AFTER k", "KEYS REMOVE a k", "EXPORT a k",
        "IMPORT KEY k", "IMPORT KEY a CHILD k", "PUT a v IF k 1",
    ])
    func aKeyIsWithinItsLimit(line: String) throws {
        let longest = line.replacing("k", with: String(repeating: "k", count: 1024))
        #expect(try refusal(longest) == nil)
        #expect(try refusal(line.replacing("k", with: String(repeating: "k", count: 1025)))?.code == .tooBig)
        let bringsIn = ["PUT k", "PREFIX APPEND", "IMPORT"].contains { line.hasPrefix($0) }
        #expect(try refusal(longest, limits: ValueLimits(name: 1023))?.code == (bringsIn ? .tooBig : nil))
    }

    @Test func aValueIsWithinItsLimit() throws {
        #expect(throws: Never.self) { try parse("PUT", "a", String(repeating: "v", count: 1 << 20)) }
        let tooLong = String(repeating: "v", count: 1 << 20 + 1)
        #expect(throws: LeaseError(.tooBig, "the value has 1048577 bytes; the most is 1048576")) {
            try parse("PUT", "a", tooLong)
        }
        #expect(try refusal("IMPORT KEY a SIMPLE abc", limits: ValueLimits(value: 2))?.code == .tooBig)
        #expect(try refusal("IMPORT KEY a SIMPLE ab", limits: ValueLimits(value: 2)) == nil)
    }
}
