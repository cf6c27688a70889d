import LeaseCore
import LeaseWire
import NIOCore
import Testing

@Suite struct LeaseStatusReplyTests {
    static func status() throws -> LeaseStatusReply {
        LeaseStatusReply(
            name: try LeaseName([0xFF, 0x00]),
            token: .max,
            fence: .min,
            owner: "nightly ü",
            uid: .max,
            gid: 0,
            pid: 42,
            ttlMilliseconds: 30_000,
            remainingMilliseconds: 0,
            acquiredAtMilliseconds: 1_700_000_000_123,
            renewals: 3,
            isBound: true,
            isTied: false,
            state: .revoking,
            waiters: 2
        )
    }

    private func reply(_ status: LeaseStatusReply, _ version: RESPVersion) throws -> RESPValue {
        var buffer = ByteBuffer()
        RESPEncoder(version: version).writeStatus(status, to: &buffer)
        var parser = RESPReplyParser()
        return try #require(try parser.next(from: &buffer))
    }

    @Test(arguments: RESPVersion.allCases) func comesBackAsItWas(version: RESPVersion) throws {
        let status = try Self.status()
        #expect(LeaseStatusReply(try reply(status, version)) == status)
    }

    @Test func hasTheFieldsOfThePageInItsOrder() throws {
        let names = try reply(Self.status(), .resp3).entries?.compactMap(\.key.text)
        #expect(
            names == [
                "name", "token", "fence", "owner", "uid", "gid", "pid", "ttl_ms", "remaining_ms", "acquired_at_ms",
                "renewals", "bound", "tied", "state", "waiters",
            ]
        )
    }

    @Test func fieldsAreReadInAnyOrderAndUnknownOnesPassedOver() throws {
        let status = try Self.status()
        let entries = try #require(try reply(status, .resp3).entries)
        let reply = RESPValue.map(entries.reversed() + [RESPEntry(.text("later"), .array([]))])
        #expect(LeaseStatusReply(reply) == status)
    }

    @Test func aMissingOrBrokenFieldIsNoStatus() throws {
        let entries = try #require(try reply(Self.status(), .resp3).entries)
        for index in entries.indices {
            var fewer = entries
            fewer.remove(at: index)
            #expect(LeaseStatusReply(.map(fewer)) == nil, "without \(entries[index].key)")
            var broken = entries
            broken[index] = RESPEntry(entries[index].key, .null)
            #expect(LeaseStatusReply(.map(broken)) == nil, "without a value for \(entries[index].key)")
        }
        #expect(LeaseStatusReply(.null) == nil)
    }
}
