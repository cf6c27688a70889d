import LoadGenerator
import Testing

@Suite struct RESPParserTests {
    @Test(arguments: [
        ("+OK\r\n", RESPReply.simple),
        ("-CONFLICT held\r\n", .error("CONFLICT held")),
        (":1763000000000001\r\n", .number(1_763_000_000_000_001)),
        (":-2\r\n", .number(-2)),
        ("$5\r\na\r\nbc\r\n", .bulk(Array("a\r\nbc".utf8))),
        ("$0\r\n\r\n", .bulk([])),
        ("$-1\r\n", .null),
    ])
    func wholeReplyIsParsedAndItsBeginningIsNot(text: String, reply: RESPReply) throws {
        let bytes = Array(text.utf8)
        for count in 0..<bytes.count {
            #expect(try parse(Array(bytes[..<count])) == nil)
        }
        let parsed = try parse(bytes + Array("+next".utf8))
        #expect(parsed?.reply == reply)
        #expect(parsed?.length == bytes.count)
    }

    @Test(arguments: ["*1\r\n", "OK\r\n", ":12a\r\n", ":99999999999999999999\r\n"])
    func whatIsNoReplyIsRefused(text: String) {
        #expect(throws: LoadError.self) { try parse(Array(text.utf8)) }
    }

    private func parse(_ bytes: [UInt8]) throws -> (reply: RESPReply, length: Int)? {
        try bytes.withUnsafeBytes { try RESPParser.parse($0) }
    }
}
