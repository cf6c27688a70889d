import LeaseWire
import NIOCore
import Testing

@Suite struct RESPCommandParserTests {
    /// Pipelined commands of every kind, and the resulting frames.
    static let corpus: [UInt8] =
        encoded("ACQUIRE", "backup", "30s")
        + Array("PING\r\n".utf8)
        + Array("*0\r\n*-1\r\n\r\n  \n".utf8)
        + encoded([Array("ECHO".utf8), [0, 13, 10, 255, 0x24]])
        + encoded("ECHO", "")
        + Array("ECHO \"a\\x00\\r\\n\\\"b\" 'it\\'s'\n".utf8)
        + encoded("LEASES", "PREFIX", "*1\r\n$4\r\nPING\r\n")

    static let frames: [RESPFrame] = [
        frame("ACQUIRE", "backup", "30s"),
        frame("PING"),
        RESPFrame(arguments: [
            .bytes(ByteBuffer(string: "ECHO")), .bytes(ByteBuffer(bytes: [0, 13, 10, 255, 0x24])),
        ]),
        frame("ECHO", ""),
        frame("ECHO", "a\0\r\n\"b", "it's"),
        frame("LEASES", "PREFIX", "*1\r\n$4\r\nPING\r\n"),
    ]

    @Test func pipelinedCommandsComeInOrder() {
        let parsed = Parsed(whole: Self.corpus)
        #expect(parsed.error == nil)
        #expect(parsed.frames == Self.frames)
    }

    @Test func everySplitInTwoGivesTheSameFrames() {
        for position in Self.corpus.indices {
            let parsed = Parsed([Self.corpus[..<position], Self.corpus[position...]])
            #expect(parsed.error == nil, "split at \(position)")
            #expect(parsed.frames == Self.frames, "split at \(position)")
        }
    }

    @Test func byteByByteGivesTheSameFrames() {
        #expect(Parsed(byteByByte: Self.corpus) == Parsed(whole: Self.corpus))
    }

    @Test func anArgumentOverItsLimitIsDroppedAndTheConnectionLivesOn() {
        let limits = FrameLimits(bulk: 10)
        let input = encoded("ECHO", "elevenbytes", "x") + encoded("PING")
        let expected = [
            RESPFrame(arguments: [
                .bytes(ByteBuffer(string: "ECHO")), .oversized(length: 11, limit: 10), .bytes(ByteBuffer(string: "x")),
            ]),
            frame("PING"),
        ]
        #expect(Parsed(whole: input, limits: limits).frames == expected)
        #expect(Parsed(byteByByte: input, limits: limits).frames == expected)
        #expect(Parsed(whole: encoded("ECHO", "ten__bytes"), limits: limits).frames == [frame("ECHO", "ten__bytes")])
    }

    @Test func anInlineWordOverTheBulkLimitIsDroppedToo() {
        let parsed = Parsed(whole: Array("ECHO elevenbytes\n".utf8), limits: FrameLimits(bulk: 10))
        #expect(
            parsed.frames == [
                RESPFrame(arguments: [.bytes(ByteBuffer(string: "ECHO")), .oversized(length: 11, limit: 10)])
            ]
        )
    }

    @Test func droppedBytesTakeNoMemory() throws {
        let limits = FrameLimits(bulk: 1000)
        var parser = RESPCommandParser(limits: limits)
        var buffer = ByteBuffer(string: "*2\r\n$4\r\nECHO\r\n$5000000\r\n")
        #expect(try parser.next(from: &buffer) == nil)
        for _ in 0..<5000 {
            buffer.writeRepeatingByte(0x78, count: 1000)
            #expect(try parser.next(from: &buffer) == nil)
            #expect(buffer.readableBytes == 0)
            buffer.clear()
        }
        buffer.writeString("\r\n")
        #expect(try parser.next(from: &buffer)?.arguments.last == .oversized(length: 5_000_000, limit: 1000))
    }

    /// Arguments of an unfinished frame must not share the read buffer's storage, which has to stay where it is.
    ///
    /// Otherwise each write to the buffer would copy it, and a single byte could keep a whole read buffer in memory.
    @Test func argumentsOfAnUnfinishedFrameLetGoOfTheReadBuffer() throws {
        var parser = RESPCommandParser()
        let value = [UInt8](repeating: 0x79, count: 1000)
        let input = encoded(Array(repeating: value, count: 8000))
        var buffer = ByteBuffer()
        buffer.reserveCapacity(4096)
        let storage = buffer.withVeryUnsafeBytes { $0.baseAddress }
        var moves = 0
        var frames: [RESPFrame] = []
        for start in stride(from: 0, to: input.count, by: 64) {
            buffer.writeBytes(input[start..<min(start + 64, input.count)])
            if let frame = try parser.next(from: &buffer) {
                frames.append(frame)
            }
            buffer.discardReadBytes()
            moves += buffer.withVeryUnsafeBytes { $0.baseAddress } == storage || !frames.isEmpty ? 0 : 1
        }
        #expect(moves == 0)
        #expect(frames.map(\.arguments.count) == [8000])
        #expect(frames.first?.arguments.allSatisfy { $0 == .bytes(ByteBuffer(bytes: value)) } == true)
    }

    @Test func anArgumentKeepsItsBytesWhenTheBufferGoesOn() throws {
        var parser = RESPCommandParser()
        var buffer = ByteBuffer(string: "*2\r\n$4\r\nECHO\r\n$3\r\nab")
        #expect(try parser.next(from: &buffer) == nil)
        buffer.clear()
        buffer.writeString("abc\r\n")
        #expect(try parser.next(from: &buffer) == frame("ECHO", "abc"))
    }

    @Test func anErrorIsFinal() throws {
        var parser = RESPCommandParser()
        var buffer = ByteBuffer(string: "*x\r\nPING\r\n")
        #expect(throws: ProtocolError(.malformed, "invalid multibulk length")) { try parser.next(from: &buffer) }
        buffer = ByteBuffer(string: "PING\r\n")
        #expect(throws: ProtocolError(.malformed, "invalid multibulk length")) { try parser.next(from: &buffer) }
    }
}
