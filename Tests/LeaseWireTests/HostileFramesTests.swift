import LeaseCore
import LeaseWire
import NIOCore
import Testing

/// Bytes that are not commands, each with the error that ends the connection.
@Suite struct HostileFramesTests {
    static let corpus: [(input: String, error: String)] = [
        ("*x\r\n", "invalid multibulk length"),
        ("*\r\n", "invalid multibulk length"),
        ("*-\r\n", "invalid multibulk length"),
        ("*-2\r\n", "invalid multibulk length"),
        ("*+1\r\n", "invalid multibulk length"),
        ("* 1\r\n", "invalid multibulk length"),
        ("*1\n", "invalid multibulk length"),
        ("*1\rx", "invalid multibulk length"),
        ("*1.0\r\n", "invalid multibulk length"),
        ("*99999999999999999999\r\n", "invalid multibulk length"),
        ("*-99999999999999999999\r\n", "invalid multibulk length"),
        ("*65537\r\n", "invalid multibulk length, the most is 65536 arguments"),
        ("*2147483647\r\n", "invalid multibulk length, the most is 65536 arguments"),
        ("*" + String(repeating: "0", count: 40), "too big mbulk count string"),
        ("*1\r\n$" + String(repeating: "0", count: 40), "too big bulk count string"),
        ("*1\r\n$x\r\n", "invalid bulk length"),
        ("*1\r\n$\r\n", "invalid bulk length"),
        ("*1\r\n$-2\r\n", "invalid bulk length"),
        ("*1\r\n$9223372036854775807\r\n", "invalid bulk length, the most is 8388608 bytes in a frame"),
        ("*1\r\n$10485760\r\n", "invalid bulk length, the most is 8388608 bytes in a frame"),
        ("*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
        ("*1\r\nPING\r\n", "expected '$', got 'P'"),
        ("*1\r\n\0", "expected '$', got '\\x00'"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n$4\r\nPINGxx", "expected a line end after a bulk of 4 bytes"),
        ("*1\r\n$4\r\nPING\n\r", "expected a line end after a bulk of 4 bytes"),
        ("*1\r\n$3\r\nPING\r\n", "expected a line end after a bulk of 3 bytes"),
        ("ECHO \"a\r\n", "unbalanced quotes in request"),
        ("ECHO 'a\n", "unbalanced quotes in request"),
        ("ECHO \"a\"b\n", "unbalanced quotes in request"),
        ("ECHO \"a\\\n", "unbalanced quotes in request"),
    ]

    @Test(arguments: corpus) func isRefusedInWords(input: String, error: String) {
        let parsed = Parsed(whole: Array(input.utf8))
        #expect(parsed.frames.isEmpty)
        #expect(parsed.error == ProtocolError(.malformed, error))
        #expect(parsed.error?.reply == "ERR Protocol error: \(error)")
    }

    @Test(arguments: corpus) func isRefusedInTheSameWordsByteByByte(input: String, error: String) {
        #expect(Parsed(byteByByte: Array(input.utf8)).error == ProtocolError(.malformed, error))
    }

    @Test func commandsBeforeItAreStillCommands() {
        let parsed = Parsed(whole: Array("PING\r\n*1\r\n$4\r\nPING\r\n*z\r\n".utf8))
        #expect(parsed.frames == [frame("PING"), frame("PING")])
        #expect(parsed.error != nil)
    }

    @Test(arguments: ["", "\n"]) func anInlineLineOverItsLimitIsRefusedWhetherItEndsOrNot(end: String) {
        let line = Array((String(repeating: "a", count: 65_537) + end).utf8)
        let error = ProtocolError(.malformed, "too big inline request")
        #expect(Parsed(whole: line).error == error)
        #expect(Parsed(byteByByte: line).error == error)
    }

    @Test func anInlineLineMayBeAsLongAsItsLimit() {
        let word = String(repeating: "a", count: 65_536)
        for end in ["\n", "\r\n"] {
            #expect(Parsed(whole: Array((word + end).utf8)).frames == [frame(word)])
            #expect(Parsed(byteByByte: Array((word + end).utf8)).frames == [frame(word)])
        }
    }

    @Test func aNullBulkIsAnArgumentThatNoCommandTakes() {
        let bytes = Array("*2\r\n$4\r\nPING\r\n$-1\r\nPING\r\n".utf8)
        let null = RESPFrame(arguments: [.bytes(ByteBuffer(string: "PING")), .null])
        #expect(Parsed(whole: bytes).frames == [null, frame("PING")])
        #expect(Parsed(byteByByte: bytes).frames == [null, frame("PING")])
        #expect(throws: LeaseError.self) { try Command.parse(null) }
    }

    @Test func aNULIsAByteLikeOthers() {
        #expect(Parsed(whole: [0x45, 0x00, 0x20, 0x00, 0x0A]).frames == [frame("E\0", "\0")])
    }

    @Test func theFrameLimitCountsAllArgumentsTogether() {
        let limits = FrameLimits(frame: 64, bulk: 32)
        // Headers and line ends count: 4 + (5 + 20 + 2) + (5 + 26 + 2) = 64.
        let first = String(repeating: "a", count: 20)
        let fits = encoded(first, String(repeating: "b", count: 26))
        #expect(fits.count == 64)
        #expect(Parsed(whole: fits, limits: limits).frames.count == 1)
        #expect(Parsed(whole: encoded(first, String(repeating: "b", count: 27)), limits: limits).error != nil)
        // Arguments that are dropped count, too.
        #expect(Parsed(whole: encoded(String(repeating: "c", count: 40)), limits: limits).frames.count == 1)
        #expect(Parsed(whole: encoded(String(repeating: "c", count: 40), first), limits: limits).error != nil)
    }

    @Test func aCountIsRefusedBeforeItsArgumentsCome() {
        #expect(Parsed(whole: Array("*5\r\n".utf8), limits: FrameLimits(arguments: 4)).error != nil)
        #expect(Parsed(whole: Array("a b c d e\n".utf8), limits: FrameLimits(arguments: 4)).error != nil)
        #expect(Parsed(whole: Array("a b c d\n".utf8), limits: FrameLimits(arguments: 4)).frames.count == 1)
    }

    @Test(arguments: ["POST / HTTP/1.1\r\n", "post\n", "Host: example.org\r\n", "host:example.org\n", "  POST \"\n"])
    func anHTTPRequestGetsNoAnswer(line: String) throws {
        let error = try #require(Parsed(whole: Array(line.utf8)).error)
        #expect(error.kind == .otherProtocol)
        #expect(error.reply == nil)
    }

    @Test(arguments: ["POSTPONE\n", "GET /\n", "ECHO POST\n", "Hosts\n"])
    func aWordThatOnlyResemblesHTTPIsACommand(line: String) {
        #expect(Parsed(whole: Array(line.utf8)).frames.count == 1)
    }
}
