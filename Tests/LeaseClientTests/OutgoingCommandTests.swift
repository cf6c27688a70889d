import LeaseCore
import NIOCore
import Testing

@testable import LeaseClient
@testable import LeaseWire

/// What the client sends, the server's table understands.
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
                == .acquire(AcquireCommand(name: name, ttl: ttl, owner: me, request: id))
        )
        #expect(
            try parsed(.acquire(name, ttl: ttl, owner: nil, request: id))
                == .acquire(AcquireCommand(name: name, ttl: ttl, owner: nil, request: id))
        )
        #expect(
            try parsed(.renew(name, token: seven, ttl: ttl, request: id))
                == .renew(RenewCommand(name: name, token: seven, ttl: ttl, request: id))
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
        #expect(try parsed(.plain("PING")) == .ping(message: nil))
        #expect(try parsed(.plain("INFO")) == .info(section: nil))
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
