import LeaseCore
import NIOCore
import Testing

@testable import LeaseClient
@testable import LeaseWire

/// The server's command table understands everything that the client sends.
@Suite struct OutgoingCommandTests {
    private func parsed(_ command: OutgoingCommand) throws -> Command {
        var parser = RESPCommandParser()
        var bytes = command.bytes
        return try Command.parse(try #require(try parser.next(from: &bytes)))
    }

    @Test func everyCommandIsUnderstoodAsItWasMeant() throws {
        let name = try LeaseName([0, 255, 13, 10])
        let ttl = try TTL(.milliseconds(90_001))
        let seven = try token(7)
        let id = RequestID.random()
        let me = try Label("me ü")
        #expect(
            try parsed(.acquire(name, ttl: ttl, owner: me, request: id))
                == .acquire(AcquireCommand(name: name, ttl: ttl, wait: nil, owner: me, request: id, binds: false))
        )
        #expect(
            try parsed(.acquire(name, ttl: ttl, owner: nil, request: id))
                == .acquire(AcquireCommand(name: name, ttl: ttl, wait: nil, owner: nil, request: id, binds: false))
        )
        #expect(
            try parsed(.renew(name, token: seven, ttl: ttl, request: id))
                == .renew(RenewCommand(name: name, token: seven, ttl: ttl, request: id, binding: .keep))
        )
        #expect(try parsed(.release(name, token: seven)) == .release(name: name, token: seven))
        #expect(try parsed(.check(name, token: seven)) == .check(name: name, token: seven))
        #expect(try parsed(.holder(name)) == .holder(name: name))
        #expect(
            try parsed(.leases(prefix: [], after: nil, count: nil))
                == .leases(LeasesCommand(prefix: [], after: nil, count: nil))
        )
        #expect(
            try parsed(.leases(prefix: [255], after: name, count: 2))
                == .leases(LeasesCommand(prefix: [255], after: name, count: 2))
        )
        #expect(
            try parsed(.revoke(name, after: .seconds(5), reason: me))
                == .revoke(RevokeCommand(name: name, after: .seconds(5), reason: me))
        )
        #expect(
            try parsed(.revoke(name, after: nil, reason: nil))
                == .revoke(RevokeCommand(name: name, after: nil, reason: .empty))
        )
        #expect(try parsed(.plain("TOKEN")) == .token)
        #expect(try parsed(.plain("PING")) == .connection(.ping(message: nil)))
        #expect(try parsed(.plain("INFO")) == .info(section: nil))
    }

    @Test func everyCommandOnTheStoreIsUnderstoodAsItWasMeant() throws {
        let key = try Key([0, 255, 13, 10])
        let child = try Key("IF")
        let condition = try LeaseGuard(lease: LeaseName([7]), token: token(7))
        #expect(try parsed(.put(key, [], if: nil)) == .store(.put(key: key, value: ByteBuffer(), if: nil)))
        #expect(
            try parsed(.put(key, [0], if: condition))
                == .store(.put(key: key, value: ByteBuffer(bytes: [0]), if: condition))
        )
        #expect(try parsed(.get(key)) == .store(.get(key: key)))
        #expect(try parsed(.delete(key, if: condition)) == .store(.delete(key: key, if: condition)))
        #expect(
            try parsed(.append(child, to: key, if: condition))
                == .store(.prefixAppend(key: key, child: child, if: condition))
        )
        #expect(
            try parsed(.children(of: key, after: child, count: 3))
                == .store(.prefixList(PrefixListCommand(key: key, after: child, count: 3)))
        )
        #expect(try parsed(.contains(child, under: key)) == .store(.prefixContains(key: key, child: child)))
        #expect(
            try parsed(.remove(child, from: key, if: nil)) == .store(.prefixRemove(key: key, child: child, if: nil))
        )
        #expect(
            try parsed(.keys(prefix: [255], after: child, count: nil))
                == .store(.keysList(KeysListCommand(prefix: [255], after: child, count: nil)))
        )
        #expect(
            try parsed(.keys(above: .max, upTo: 1, after: nil, count: 2))
                == .store(.keysRange(KeysRangeCommand(low: .max, high: 1, after: nil, count: 2)))
        )
        #expect(try parsed(.tracker(of: key)) == .store(.keysTracker(key: key)))
        #expect(try parsed(.removeKeys([key, child])) == .store(.keysRemove(keys: [key, child])))
        #expect(try parsed(.export([key, child])) == .store(.export(keys: [key, child])))
        let lease = EntryLease(token: try token(7), expiresAt: WallInstant(milliseconds: 5), uid: 0, owner: .empty)
        let entries = [
            StoreEntry(key: key, value: [], children: [child, key], lease: lease), StoreEntry(key: child),
        ]
        #expect(try parsed(.importing(entries)) == .store(.importEntries(entries)))
    }

    @Test func aGrantThatNobodyWaitsForIsReleased() throws {
        let name = try LeaseName("backup")
        let acquire = OutgoingCommand.acquire(name, ttl: .min, owner: nil, request: .random())
        #expect(acquire.undo?(.integer(7)) == OutgoingCommand.release(name, token: try token(7)).bytes)
        #expect(acquire.undo?(.error("CONFLICT it is held")) == nil)
    }

    @Test func everyAnswerOfTheProtocolHasItsCode() {
        for code in LeaseError.Code.all {
            let error = LeaseClientError(reply: "\(code.word) why")
            #expect(error.code == LeaseClientError.Code(code))
            #expect(error.code.answer == code)
            #expect(error.message == "why")
        }
        #expect(LeaseClientError(reply: "LATER a word").code == .protocolViolation)
        #expect(LeaseClientError.Code.connectionFailed.answer == nil)
    }
}
