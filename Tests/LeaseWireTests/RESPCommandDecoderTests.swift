import LeaseWire
import NIOCore
import NIOTestUtils
import Testing

@Suite struct RESPCommandDecoderTests {
    @Test func holdsToTheRulesOfNIOsDecoders() throws {
        let pairs: [(String, [RESPFrame])] = [
            ("*3\r\n$7\r\nACQUIRE\r\n$6\r\nbackup\r\n$3\r\n30s\r\n", [frame("ACQUIRE", "backup", "30s")]),
            ("PING\r\n", [frame("PING")]),
            ("*0\r\n", []),
            ("\r\n", []),
            ("ECHO \"a b\"\nPING\n", [frame("ECHO", "a b"), frame("PING")]),
            ("*1\r\n$0\r\n\r\n", [frame("")]),
        ]
        try ByteToMessageDecoderVerifier.verifyDecoder(stringInputOutputPairs: pairs) { RESPCommandDecoder() }
    }

    @Test func dropsArgumentsOverTheirLimitWithinAPipeline() throws {
        let oversized = RESPFrame(arguments: [.bytes(ByteBuffer(string: "ECHO")), .oversized(length: 12)])
        try ByteToMessageDecoderVerifier.verifyDecoder(
            stringInputOutputPairs: [("*2\r\n$4\r\nECHO\r\n$12\r\ntwelve bytes\r\n", [oversized])]
        ) { RESPCommandDecoder(limits: FrameLimits(bulk: 8)) }
    }
}
