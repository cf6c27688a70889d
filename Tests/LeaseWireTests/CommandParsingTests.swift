import LeaseCore
import NIOCore
import Testing

@testable import LeaseWire

@Suite struct CommandParsingTests {
    private func parse(_ words: String..., limits: ValueLimits = ValueLimits()) throws(LeaseError) -> Command {
        try Command.parse(RESPFrame(arguments: words.map { .bytes(ByteBuffer(string: $0)) }), limits: limits)
    }

    /// The error that refuses a line, as a person types it.
    private func refusal(_ line: String, limits: ValueLimits = ValueLimits()) throws -> LeaseError {
        let frame = try #require(Parsed(whole: Array((line + "\n").utf8)).frames.first)
        return try #require(throws: LeaseError.self) { try Command.parse(frame, limits: limits) }
    }

    /// The description of a command is a hundred times as long as its name.
    @Test(arguments: ["DOCS", "INFO"])
    func asksForSoManyCommandsAtTheMost(subcommand: String) throws {
        func command(_ count: Int) throws(LeaseError) -> Command {
            let words = ["COMMAND", subcommand] + [String](repeating: "keys", count: count)
            return try Command.parse(RESPFrame(arguments: words.map { .bytes(ByteBuffer(string: $0)) }))
        }
        _ = try command(CommandQuery.mostNames)
        let error = #expect(throws: LeaseError.self) { try command(CommandQuery.mostNames + 1) }
        #expect(error?.code == .tooBig)
    }

    @Test func readsTheCommandsOnLeases() throws {
        let name = try LeaseName("backup")
        let token = try #require(Token(rawValue: 7))
        let ttl = try TTL(.seconds(30))
        let id = try RequestID("0123456789abcdef".utf8)
        #expect(
            try parse("acquire", "backup", "30s")
                == .acquire(AcquireCommand(name: name, ttl: ttl, wait: nil, owner: nil, request: nil, binds: false))
        )
        #expect(
            try parse("ACQUIRE", "backup", "30s", "request", "0123456789abcdef", "Owner", "me")
                == .acquire(
                    AcquireCommand(name: name, ttl: ttl, wait: nil, owner: Label("me"), request: id, binds: false)
                )
        )
        #expect(
            try parse("ACQUIRE", "backup", "30s", "bind", "wait", "Forever")
                == .acquire(
                    AcquireCommand(name: name, ttl: ttl, wait: .forever, owner: nil, request: nil, binds: true)
                )
        )
        #expect(
            try parse("ACQUIRE", "backup", "30s", "WAIT", "1m30s")
                == .acquire(
                    AcquireCommand(
                        name: name,
                        ttl: ttl,
                        wait: .upTo(.seconds(90)),
                        owner: nil,
                        request: nil,
                        binds: false
                    )
                )
        )
        #expect(try parse("TIE", "backup", "7") == .tie(name: name, token: token))
        for (word, binding) in [("bind", Binding.bind), ("UNBIND", .unbind)] {
            #expect(
                try parse("RENEW", "backup", "7", "30s", word)
                    == .renew(RenewCommand(name: name, token: token, ttl: ttl, request: nil, binding: binding))
            )
        }
        #expect(
            try parse("RENEW", "backup", "7", "30000ms", "REQUEST", "0123456789abcdef")
                == .renew(RenewCommand(name: name, token: token, ttl: ttl, request: id, binding: .keep))
        )
        #expect(try parse("RELEASE", "backup", "7") == .release(name: name, token: token))
        #expect(try parse("CHECK", "backup", "7") == .check(name: name, token: token))
        #expect(try parse("HOLDER", "backup") == .holder(name: name))
        #expect(try parse("LEASES") == .leases(LeasesCommand(prefix: [], after: nil, count: nil)))
        #expect(
            try parse("LEASES", "COUNT", "5", "PREFIX", "b", "AFTER", "backup")
                == .leases(LeasesCommand(prefix: [0x62], after: name, count: 5))
        )
        #expect(try parse("REVOKE", "backup") == .revoke(RevokeCommand(name: name, after: nil, reason: .empty)))
        #expect(
            try parse("REVOKE", "backup", "AFTER", "0s", "REASON", "moved away")
                == .revoke(RevokeCommand(name: name, after: .zero, reason: Label("moved away")))
        )
        #expect(try parse("Token") == .token)
    }

    @Test func readsTheCommandsOnTheConnection() throws {
        #expect(try parse("PING") == .connection(.ping(message: nil)))
        #expect(try parse("PING", "") == .connection(.ping(message: ByteBuffer())))
        #expect(try parse("ECHO", "x") == .connection(.echo(message: ByteBuffer(string: "x"))))
        #expect(try parse("HELLO") == .connection(.hello(HelloCommand(version: nil, name: nil))))
        #expect(try parse("HELLO", "3") == .connection(.hello(HelloCommand(version: .resp3, name: nil))))
        #expect(
            try parse("HELLO", "2", "SETNAME", "me")
                == .connection(.hello(HelloCommand(version: .resp2, name: Label("me"))))
        )
        #expect(
            try parse("HELLO", "SETNAME", "me") == .connection(.hello(HelloCommand(version: nil, name: Label("me"))))
        )
        #expect(try parse("CLIENT", "setname", "") == .connection(.client(.setName(.empty))))
        #expect(try parse("client", "GETNAME") == .connection(.client(.getName)))
        #expect(try parse("CLIENT", "ID") == .connection(.client(.id)))
        #expect(try parse("CLIENT", "LIST") == .connection(.client(.list)))
        #expect(
            try parse("CLIENT", "SETINFO", "LIB-NAME", "x") == .connection(.client(.setInfo(.libraryName, Label("x"))))
        )
        #expect(try parse("SELECT", "0") == .connection(.select))
        #expect(try parse("INFO") == .info(section: nil))
        #expect(try parse("INFO", "Server") == .info(section: "server"))
        #expect(try parse("COMMAND") == .command(.info(names: [])))
        #expect(try parse("COMMAND", "COUNT") == .command(.count))
        #expect(try parse("COMMAND", "DOCS", "PING", "client|id") == .command(.docs(names: ["ping", "client|id"])))
        #expect(try parse("COMMAND", "INFO") == .command(.info(names: [])))
        #expect(try parse("RESET") == .connection(.reset))
        #expect(try parse("QUIT") == .connection(.quit))
    }

    static let misfits: [(line: String, message: String)] = [
        ("nosuch a b", "unknown command 'nosuch'; COMMAND DOCS tells what there is"),
        ("\"\"", "unknown command ''; COMMAND DOCS tells what there is"),
        (
            "ACQUIRE a",
            "wrong number of arguments for 'acquire' command: ACQUIRE name ttl [WAIT duration|FOREVER] [OWNER label] [REQUEST id] [BIND]"
        ),
        ("TOKEN x", "wrong number of arguments for 'token' command: TOKEN"),
        ("RELEASE a 1 2", "wrong number of arguments for 'release' command: RELEASE name token"),
        ("PING a b", "wrong number of arguments for 'ping' command: PING [message]"),
        ("CLIENT", "wrong number of arguments for 'client' command: CLIENT SETNAME|GETNAME|ID|SETINFO|LIST"),
        ("CLIENT ID x", "wrong number of arguments for 'client|id' command: CLIENT ID"),
        ("CLIENT KILL x", "unknown subcommand 'KILL': CLIENT SETNAME|GETNAME|ID|SETINFO|LIST"),
        ("COMMAND GETKEYS", "unknown subcommand 'GETKEYS': COMMAND [COUNT|DOCS|INFO]"),
        ("REVOKE a NOW", "'NOW' is no keyword here: REVOKE name [AFTER duration] [REASON text]"),
        ("REVOKE a \"\\x00\\n\" x", "'\\x00\\x0a' is no keyword here: REVOKE name [AFTER duration] [REASON text]"),
        ("REVOKE a AFTER", "'AFTER' wants a value behind it: REVOKE name [AFTER duration] [REASON text]"),
        (
            "REVOKE a AFTER 1s after 2s",
            "'after' came twice: REVOKE name [AFTER duration] [REASON text]"
        ),
        ("HELLO 3 AUTH me secret", "'AUTH' is no keyword here: HELLO [protover] [SETNAME name]"),
        ("HELLO x", "Protocol version 'x' is not an integer; say 2 or 3"),
        ("SELECT 1", "DB index '1' is out of range; there is only 0"),
        ("CLIENT SETNAME 'a b'", "the client name 'a b' has blanks; leave them out"),
        ("CLIENT SETNAME ä", #"the client name '\xc3\xa4' has characters beyond ASCII; leave them out"#),
        ("HELLO 3 SETNAME \u{2028}", #"the client name '\xe2\x80\xa8' has characters beyond ASCII; leave them out"#),
        ("CLIENT SETINFO LIB-NAME 'a b'", "the client attribute 'a b' has blanks; leave them out"),
        ("CLIENT SETINFO x y", "unrecognized option 'x'; say LIB-NAME or LIB-VER"),
        ("LEASES COUNT 0", "'0' is not a count; a count is an integer from 1 to 9223372036854775807"),
        ("LEASES COUNT -1", "'-1' is not a count; a count is an integer from 1 to 9223372036854775807"),
        (
            "LEASES COUNT 9223372036854775808",
            "'9223372036854775808' is not a count; a count is an integer from 1 to 9223372036854775807"
        ),
        ("HOLDER \"\"", "a lease name has at least one byte, and this one is empty; name one"),
    ]

    @Test(arguments: misfits) func aMisfitIsExplained(line: String, message: String) throws {
        #expect(try refusal(line) == LeaseError(.invalidRequest, message))
    }

    @Test(arguments: ["0", "-1", "+1", "1x", "", " 1", "1.0", "9007199254740992", "99999999999999999999"])
    func whatIsNoTokenIsRefused(text: String) throws {
        #expect(try refusal("CHECK a '\(text)'").code == .invalidRequest)
    }

    @Test func theBoundsOfATokenAreTokens() throws {
        #expect(try parse("CHECK", "a", "1") == .check(name: LeaseName("a"), token: .min))
        #expect(try parse("CHECK", "a", "9007199254740991") == .check(name: LeaseName("a"), token: .max))
    }

    static let durations: [(text: String, code: LeaseError.Code?)] = [
        ("1s", nil), ("1000ms", nil), ("366d", nil), ("1m30s", nil), ("999ms", .badTTL), ("0s", .badTTL),
        ("367d", .badTTL), ("366d1ms", .badTTL), ("99999999999999999999999d", .badTTL),
        ("9223372036854775807ms", .badTTL), ("30", .invalidRequest), ("", .invalidRequest), ("s", .invalidRequest),
        ("-1s", .invalidRequest), ("1.5s", .invalidRequest), ("1S", .invalidRequest), ("1s ", .invalidRequest),
        ("1s1m", .invalidRequest), ("\u{661}s", .invalidRequest),
    ]

    @Test(arguments: durations) func aTTLIsWithinItsBounds(text: String, code: LeaseError.Code?) throws {
        let frame = frame("ACQUIRE", "a", text)
        let result = Result { () throws(LeaseError) in try Command.parse(frame) }
        switch result {
        case .success: #expect(code == nil)
        case .failure(let error): #expect(error.code == code)
        }
    }

    static let lengths: [(line: String, code: LeaseError.Code?)] = [
        ("HOLDER \(String(repeating: "n", count: 1024))", nil),
        ("HOLDER \(String(repeating: "n", count: 1025))", .tooBig),
        ("LEASES PREFIX \(String(repeating: "n", count: 1025))", .tooBig),
        ("ACQUIRE a 1s OWNER \(String(repeating: "o", count: 256))", nil),
        ("ACQUIRE a 1s OWNER \(String(repeating: "o", count: 257))", .tooBig),
        ("ACQUIRE a 1s OWNER \"a\\tb\"", .invalidRequest),
        ("ACQUIRE a 1s OWNER \"\\xff\"", .invalidRequest),
        ("ACQUIRE a 1s OWNER \"\\xc2\\x85\"", .invalidRequest),
        ("ACQUIRE a 1s OWNER \"\"", nil),
        ("REVOKE a REASON \(String(repeating: "r", count: 257))", .tooBig),
        ("ACQUIRE a 1s REQUEST \(String(repeating: "i", count: 15))", .invalidRequest),
        ("ACQUIRE a 1s REQUEST \(String(repeating: "i", count: 16))", nil),
        ("ACQUIRE a 1s REQUEST \(String(repeating: "i", count: 128))", nil),
        ("ACQUIRE a 1s REQUEST \(String(repeating: "i", count: 129))", .tooBig),
        ("HELLO 4", .unknownProtocol), ("HELLO 1", .unknownProtocol),
    ]

    @Test(arguments: lengths) func aValueIsWithinItsLimits(line: String, code: LeaseError.Code?) throws {
        let frame = try #require(Parsed(whole: Array((line + "\n").utf8)).frames.first)
        let result = Result { () throws(LeaseError) in try Command.parse(frame) }
        switch result {
        case .success: #expect(code == nil)
        case .failure(let error): #expect(error.code == code)
        }
    }

    @Test func limitsCanBeSetLower() throws {
        let limits = ValueLimits(name: 4, label: 3, ttl: try TTL(.seconds(60)))
        #expect(try refusal("ACQUIRE abcde 1s", limits: limits).code == .tooBig)
        // Names imported under a higher limit can be used.
        for line in [
            "HOLDER abcde", "RENEW abcde 7 1s", "RELEASE abcde 7", "CHECK abcde 7", "REVOKE abcde", "TIE abcde 7",
            "LEASES PREFIX abcde AFTER abcdef", "SUBSCRIBE abcde", "KEYS REMOVE abcde", "PUT a v IF abcde 7",
        ] {
            let words = line.split(separator: " ").map { RESPArgument.bytes(ByteBuffer(string: String($0))) }
            #expect(throws: Never.self) { try Command.parse(RESPFrame(arguments: words), limits: limits) }
        }
        #expect(try refusal("REVOKE a REASON abcd", limits: limits).code == .tooBig)
        #expect(
            try refusal("ACQUIRE a 61s", limits: limits)
                == LeaseError(.badTTL, "a TTL of '61s' is not between 1s and 1m; choose another")
        )
        #expect(throws: Never.self) { try parse("ACQUIRE", "abcd", "60s", limits: limits) }
    }

    @Test func anArgumentOverItsLimitIsTooBigWhereverItStands() {
        let word = RESPArgument.bytes(ByteBuffer(string: "HOLDER"))
        let long = RESPArgument.oversized(length: 9, limit: 8)
        for arguments in [[word, long], [long], [word, word, long]] {
            let error = #expect(throws: LeaseError.self) { try Command.parse(RESPFrame(arguments: arguments)) }
            #expect(error == LeaseError(.tooBig, "an argument has 9 bytes; the most is 8"))
        }
    }

    @Test func noMessageHoldsControlCharacters() {
        let nasty = "a\r\n\0\u{1B}[31m" + String(repeating: "x", count: 5000)
        for line in [
            [nasty], ["ACQUIRE", "a", nasty], ["RENEW", "a", nasty, "1s"], ["LEASES", nasty, "1"], ["CLIENT", nasty],
            ["SELECT", nasty], ["HELLO", nasty], ["CLIENT", "SETNAME", nasty], ["LEASES", "COUNT", nasty],
        ] {
            let frame = RESPFrame(arguments: line.map { .bytes(ByteBuffer(string: $0)) })
            let error = #expect(throws: LeaseError.self) { try Command.parse(frame) }
            #expect(error?.message.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } == true)
            #expect(error?.message.utf8.count ?? 0 < 400)
        }
    }
}
