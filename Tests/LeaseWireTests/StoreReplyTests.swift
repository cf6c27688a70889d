import LeaseCore
import LeaseWire
import NIOCore
import Testing

@Suite struct StoreReplyTests {
    private func reply(_ version: RESPVersion, _ write: (RESPEncoder, inout ByteBuffer) -> Void) throws -> RESPValue {
        var buffer = ByteBuffer()
        write(RESPEncoder(version: version), &buffer)
        return try #require(RoundTripTests.Replies([Array(buffer.readableBytesView)[...]]).values.first)
    }

    @Test(arguments: RESPVersion.allCases) func aListedKeyComesBack(version: RESPVersion) throws {
        let listed = ListedKey(key: try Key([0, 255]), kinds: [.simple, .prefix, .lease])
        let reply = try reply(version) { $0.writeListedKey(listed, to: &$1) }
        #expect(reply == .array([.bulk([0, 255]), .text("simple"), .text("prefix"), .text("lease")]))
        #expect(ListedKey(reply) == listed)
    }

    @Test(arguments: RESPVersion.allCases) func aTrackerComesBack(version: RESPVersion) throws {
        for hash in [0, 1 << 63, UInt64.max] {
            let tracker = KeyTracker(hash: hash, kinds: [.prefix])
            let reply = try reply(version) { $0.writeTracker(tracker, to: &$1) }
            let fields = reply.entries?.map { [$0.key, $0.value] }
            #expect(fields == [[.text("hash"), .text("\(hash)")], [.text("kinds"), .array([.text("prefix")])]])
            #expect(KeyTracker(reply) == tracker)
        }
    }

    @Test func whatIsUnknownIsPassedOver() throws {
        #expect(ListedKey(.array([.text("a"), .text("stream")])) == ListedKey(key: try Key("a"), kinds: []))
        let tracker: RESPValue = .fields([
            ("size", .integer(1)), ("kinds", .array([.text("stream"), .text("lease")])), ("hash", .text("7")),
        ])
        #expect(KeyTracker(tracker) == KeyTracker(hash: 7, kinds: [.lease]))
    }

    @Test(
        arguments: [
            .null, .array([]), .array([.text("")]), .array([.integer(1)]), .text("a"),
            .fields([("hash", .text("-1")), ("kinds", .array([]))]), .fields([("hash", .text("1"))]),
        ] as [RESPValue]
    )
    func whatIsNoSuchReplyIsNotRead(reply: RESPValue) {
        #expect(ListedKey(reply) == nil)
        #expect(KeyTracker(reply) == nil)
    }
}
