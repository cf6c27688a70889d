import LeaseCore
import LeaseWire
import NIOCore
import Testing

/// The client reads what the server writes: in both versions, however it arrives.
@Suite struct RoundTripTests {
    static let values: [RESPValue] = [
        .simpleString("OK"),
        .error("CONFLICT it is held"),
        .integer(0), .integer(-1), .integer(.max), .integer(.min),
        .bulk([]), .bulk([0, 13, 10, 255]), .text("backup"),
        .verbatim(format: "txt", Array("# Server\r\nversion:1\r\n".utf8)),
        .null,
        .boolean(true), .boolean(false),
        .double(1.5), .double(-.infinity), .bigNumber("-123456789012345678901234567890"),
        .array([]), .array([.integer(1), .array([.null, .bulk([1])]), .set([.text("a")])]),
        .map([]), .fields([("a", .integer(1)), ("b", .fields([("c", .array([]))]))]),
        .push([.text("message"), .text("backup"), .text("{}")]),
    ]

    static func encoded(_ values: [RESPValue], _ version: RESPVersion) -> [UInt8] {
        var buffer = ByteBuffer()
        for value in values {
            RESPEncoder(version: version).write(value, to: &buffer)
        }
        return Array(buffer.readableBytesView)
    }

    /// What the client's parser reads from these pieces.
    struct Replies {
        var values: [RESPValue] = []
        var hasFailed = false

        init(_ pieces: [ArraySlice<UInt8>], limits: ReplyLimits = ReplyLimits()) {
            var parser = RESPReplyParser(limits: limits)
            var buffer = ByteBuffer()
            do throws(ProtocolError) {
                for piece in pieces {
                    buffer.writeBytes(piece)
                    while let value = try parser.next(from: &buffer) {
                        values.append(value)
                    }
                    buffer.discardReadBytes()
                }
            } catch {
                hasFailed = true
            }
        }
    }

    /// The RESP2 form of a RESP3 value.
    static func degraded(_ value: RESPValue) -> RESPValue {
        switch value {
        case .verbatim(_, let bytes): .bulk(bytes)
        case .boolean(let value): .integer(value ? 1 : 0)
        case .double(let value): .text("\(value)")
        case .bigNumber(let digits): .text(digits)
        case .array(let elements), .set(let elements), .push(let elements): .array(elements.map(degraded))
        case .map(let entries): .array(entries.flatMap { [degraded($0.key), degraded($0.value)] })
        default: value
        }
    }

    @Test func everyValueComesBackInRESP3() {
        #expect(Replies([Self.encoded(Self.values, .resp3)[...]]).values == Self.values)
    }

    @Test func everyValueComesBackAsItsSubstituteInRESP2() {
        #expect(Replies([Self.encoded(Self.values, .resp2)[...]]).values == Self.values.map(Self.degraded))
    }

    @Test(arguments: RESPVersion.allCases) func everySplitGivesTheSameReplies(version: RESPVersion) {
        let bytes = Self.encoded(Self.values, version)
        let whole = Replies([bytes[...]]).values
        for position in bytes.indices {
            #expect(Replies([bytes[..<position], bytes[position...]]).values == whole, "split at \(position)")
        }
        #expect(Replies(bytes.indices.map { bytes[$0...$0] }).values == whole)
    }

    @Test func theBytesAreThoseOfTheSpecification() {
        func text(_ value: RESPValue, _ version: RESPVersion) -> String {
            String(decoding: Self.encoded([value], version), as: UTF8.self)
        }
        #expect(text(.integer(-120), .resp2) == ":-120\r\n")
        #expect(text(.integer(.min), .resp2) == ":-9223372036854775808\r\n")
        #expect(text(.null, .resp2) == "$-1\r\n")
        #expect(text(.null, .resp3) == "_\r\n")
        #expect(text(.nullArray, .resp2) == "*-1\r\n")
        #expect(text(.nullArray, .resp3) == "_\r\n")
        #expect(text(.fields([("a", .integer(1))]), .resp2) == "*2\r\n$1\r\na\r\n:1\r\n")
        #expect(text(.fields([("a", .integer(1))]), .resp3) == "%1\r\n$1\r\na\r\n:1\r\n")
        #expect(text(.push([.integer(1)]), .resp3) == ">1\r\n:1\r\n")
        #expect(text(.verbatim(format: "txt", [0x61]), .resp3) == "=5\r\ntxt:a\r\n")
        #expect(text(.boolean(true), .resp3) == "#t\r\n")
        #expect(text(.double(.infinity), .resp3) == ",inf\r\n")
    }

    @Test func anAttributeIsPassedOver() {
        let bytes = Array("|1\r\n+ttl\r\n:3600\r\n:7\r\n*1\r\n|1\r\n+a\r\n*1\r\n:1\r\n:8\r\n".utf8)
        #expect(Replies([bytes[...]]).values == [.integer(7), .array([.integer(8)])])
        #expect(Replies(bytes.indices.map { bytes[$0...$0] }).values == [.integer(7), .array([.integer(8)])])
    }

    @Test(arguments: [
        "\n", "\r\n", ":\n", "?\r\n", ":x\r\n", ":1\n", "$-2\r\n", "$3\r\nabcde", "*-2\r\n", "*99999999999\r\n",
        "#x\r\n", ",x\r\n", "=2\r\nab\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "%101\r\n", "$1001\r\n", "*101\r\n*100\r\n",
    ])
    func bytesThatAreNoReplyAreRefused(bytes: String) {
        let limits = ReplyLimits(bulk: 1000, values: 200, depth: 4)
        #expect(Replies([Array(bytes.utf8)[...]], limits: limits).hasFailed)
    }

    @Test func anErrorIsOneLineWhateverItsSentenceHolds() {
        var buffer = ByteBuffer()
        RESPEncoder().writeError(LeaseError(.conflict, "held by 'a\r\n+OK\0\u{7F}ü'"), to: &buffer)
        #expect(String(buffer: buffer) == "-CONFLICT held by 'a??+OK??ü'\r\n")
    }
}
