import LeaseClient
import LeaseCore
import LeaseWire
import Testing

@Suite(.timeLimit(.minutes(5))) struct LeaseClientTests {
    let name: LeaseName
    let ttl: TTL

    init() throws {
        name = try LeaseName("backup")
        ttl = try TTL(.seconds(30))
    }

    @Test func nobodyListeningIsAConnectionThatFailed() async throws {
        let client = LeaseClient(socketPath: FakeDaemon.unusedPath())
        let error = await #expect(throws: LeaseClientError.self) { try await client.ping() }
        #expect(error?.code == .connectionFailed)
        #expect(error?.underlyingError != nil)
        #expect(error?.message.contains(client.configuration.socketPath) == true)
    }

    @Test func whatTheDaemonAnswersIsTheErrorOfTheSameName() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.acquire(name, ttl: ttl) }
        await daemon.next("ACQUIRE").reply(.error("CONFLICT 'backup' is held by 'x' for 5 ms more"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .conflict)
        #expect(error?.message == "'backup' is held by 'x' for 5 ms more")
    }

    @Test func theDeadlineCountsFromTheSendOfTheRequest() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let before = ContinuousClock.now
        async let call = client.acquire(name, ttl: ttl, owner: "me")
        let acquire = await daemon.next("ACQUIRE")
        let arrived = ContinuousClock.now
        #expect(acquire.text.dropFirst().dropLast(2) == ["backup", "30s", "OWNER", "me"])
        acquire.reply(.integer(7))
        let lease = try await call
        let seven = try token(7)
        #expect(lease.fence == seven && lease.token == seven)
        #expect(lease.deadline >= before + ttl.duration)
        #expect(lease.deadline <= arrived + ttl.duration)
    }

    @Test func aLostAnswerOfAcquireIsAskedForAgainWithTheSameRequest() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquire(name, ttl: ttl)
        let first = await daemon.next("ACQUIRE")
        await first.hangUp()
        let second = await daemon.next("ACQUIRE")
        #expect(second.words == first.words)
        #expect(first.text.suffix(2).first == "REQUEST" && first.words.last?.count == 32)
        second.reply(.integer(7))
        // The grant may be older than the second request, so the client asks for the remaining time.
        let check = await daemon.next("CHECK")
        let arrived = ContinuousClock.now
        #expect(check.text == ["CHECK", "backup", "7"])
        check.reply(.integer(1500))
        #expect(try await call.deadline <= arrived + .milliseconds(1500))
    }

    @Test func eachCallHasARequestOfItsOwn() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        var ids: Set<[UInt8]> = []
        for _ in 0..<3 {
            async let call = client.renew(name, token: token(7), ttl: ttl)
            let renew = await daemon.next("RENEW")
            ids.insert(try #require(renew.words.last))
            renew.reply(.integer(8))
            #expect(try await call == token(8))
        }
        #expect(ids.count == 3)
    }

    @Test func aReadWhoseAnswerBreaksOffIsAskedForAgain() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call: Void = client.ping()
        await daemon.next("PING").hangUp(after: "+PO")
        await daemon.next("PING").reply(.simpleString("PONG"))
        try await call
    }

    @Test func aRevocationWhoseAnswerIsLostIsNotRepeated() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.revoke(name, after: .seconds(5), reason: "moved") }
        let revoke = await daemon.next("REVOKE")
        #expect(revoke.text == ["REVOKE", "backup", "AFTER", "5s", "REASON", "moved"])
        await revoke.hangUp(after: ":1")
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .connectionClosed)
        // The next call connects anew, and its command is the first to arrive.
        async let ping: Void = client.ping()
        await daemon.next("PING").reply(.simpleString("PONG"))
        try await ping
    }

    @Test func aReleaseThatWasDoneBeforeItsAnswerWasLostIsDone() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let lost: Void = client.release(name, token: token(7))
        await daemon.next("RELEASE").hangUp()
        await daemon.next("RELEASE").reply(.error("EXPIRED it is over"))
        await daemon.next("HOLDER").reply(.null)
        try await lost

        let plain = Task { try await client.release(name, token: token(7)) }
        await daemon.next("RELEASE").reply(.error("EXPIRED it is over"))
        let error = await #expect(throws: LeaseClientError.self) { try await plain.value }
        #expect(error?.code == .expired)
    }

    /// Somebody renewed it while the connection was away: the lease is held, and not released.
    @Test func aReleaseThatIsRepeatedAfterARenewalIsNotDone() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.release(name, token: token(7)) }
        await daemon.next("RELEASE").hangUp()
        await daemon.next("RELEASE").reply(.error("EXPIRED it is not the newest"))
        await daemon.next("HOLDER").reply(try status("backup", token: token(9), fence: token(5)))
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .expired)

        // A later tenure is another's.
        async let lost: Void = client.release(name, token: token(9))
        await daemon.next("RELEASE").hangUp()
        await daemon.next("RELEASE").reply(.error("EXPIRED it is over"))
        await daemon.next("HOLDER").reply(try status("backup", token: token(11), fence: token(10)))
        try await lost
    }

    @Test func aCommandIsNotRepeatedForEver() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon) { $0.connectTimeout = .milliseconds(200) }
        let call = Task { try await client.ping() }
        let ping = await daemon.next("PING")
        try await daemon.stopListening()
        await ping.hangUp()
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .connectionClosed)
    }

    @Test func aCancelledAcquireLeavesNoLeaseBehind() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl) }
        let acquire = await daemon.next("ACQUIRE")
        call.cancel()
        acquire.reply(.integer(7))
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "7"])
        release.reply(.simpleString("OK"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .cancelled)
    }

    @Test func aCallThatIsNotAnsweredInTimeSaysSo() async throws {
        let daemon = try await FakeDaemon(greets: false)
        let client = LeaseClient(of: daemon) { $0.requestTimeout = .milliseconds(20) }
        let error = await #expect(throws: LeaseClientError.self) { try await client.ping() }
        #expect(error?.code == .noAnswer)
    }

    @Test func aClientThatIsDroppedEndsItsConnection() async throws {
        let daemon = try await FakeDaemon()
        var client: LeaseClient? = LeaseClient(of: daemon)
        let call = Task { [client] in try await client?.ping() }
        let ping = await daemon.next("PING")
        ping.reply(.simpleString("PONG"))
        try await call.value
        client = nil
        await ping.connectionEnd()
    }

    @Test func aCallCancelledBeforeItWasSentIsNeverSent() async throws {
        let daemon = try await FakeDaemon(greets: false)
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl) }
        let hello = await daemon.next("HELLO")
        #expect(hello.text == ["HELLO", "3"])
        call.cancel()
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .cancelled)
        async let ping: Void = client.ping()
        hello.reply(.map([]))
        await daemon.next("PING").reply(.simpleString("PONG"))
        try await ping
    }

    @Test func theAnswerToACancelledCallIsNotTakenForTheNextOnes() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let cancelled = Task { try await client.token() }
        let first = await daemon.next("TOKEN")
        cancelled.cancel()
        let error = await #expect(throws: LeaseClientError.self) { try await cancelled.value }
        #expect(error?.code == .cancelled)
        async let call = client.token()
        let second = await daemon.next("TOKEN")
        first.reply(.integer(1))
        second.reply(.integer(2))
        #expect(try await call == token(2))
    }

    @Test func aDaemonThatRefusesTheConnectionIsHeard() async throws {
        let daemon = try await FakeDaemon(greets: false)
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.ping() }
        await daemon.next("HELLO").reply(.error("BUSY too many connections; close some"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .busy)
        #expect(error?.message == "too many connections; close some")
    }

    @Test func aDaemonThatDoesNotGreetIsUnreachable() async throws {
        let daemon = try await FakeDaemon(greets: false)
        let client = LeaseClient(of: daemon) { $0.connectTimeout = .milliseconds(50) }
        let error = await #expect(throws: LeaseClientError.self) { try await client.ping() }
        #expect(error?.code == .connectionFailed)
    }

    @Test func whatIsNoRESPEndsTheConnection() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.revoke(name) }
        await daemon.next("REVOKE").hangUp(after: "HTTP/1.1 400 Bad Request\r\n")
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .connectionClosed)
        #expect(error?.underlyingError is ProtocolError)
    }

    @Test func anAnswerOfAnotherKindIsAViolation() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.holder(of: name) }
        await daemon.next("HOLDER").reply(.integer(1))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .protocolViolation)
    }

    @Test func readsWhoHoldsWhat() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let nobody = client.holder(of: name)
        await daemon.next("HOLDER").reply(.null)
        #expect(try await nobody == nil)

        async let all = client.leases(prefix: [0x62], after: name, count: 3)
        let leases = await daemon.next("LEASES")
        #expect(leases.text == ["LEASES", "PREFIX", "b", "AFTER", "backup", "COUNT", "3"])
        leases.reply(.array([try status("backup", token: token(9), fence: token(7), state: .overdue)]))
        let status = try #require(try await all.first)
        #expect(status.name == name && status.token.rawValue == 9 && status.fence.rawValue == 7)
        #expect(status.state == .overdue && status.remaining == .seconds(10) && status.renewals == 2)
    }

    @Test func readsHowTheDaemonIs() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let info = client.info()
        await daemon.next("INFO")
            .reply(.verbatim(format: "txt", Array("# Server\r\nversion:1\r\npath:/a:b\r\n\r\n# Leases\r\n".utf8)))
        #expect(
            try await info == [
                InfoSection(
                    name: "Server",
                    fields: [.init(name: "version", value: "1"), .init(name: "path", value: "/a:b")]
                ),
                InfoSection(name: "Leases", fields: []),
            ]
        )
    }

    @Test func aClosedClientEndsItsCallsAndTakesNoMore() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.ping() }
        _ = await daemon.next("PING")
        await client.close()
        for error in [
            await #expect(throws: LeaseClientError.self) { try await call.value },
            await #expect(throws: LeaseClientError.self) { try await client.ping() },
        ] {
            #expect(error?.code == .clientClosed)
        }
    }

    @Test func aBadLabelIsRefusedBeforeAnythingIsSent() async throws {
        let client = LeaseClient(socketPath: FakeDaemon.unusedPath())
        let error = await #expect(throws: LeaseClientError.self) {
            try await client.acquire(name, ttl: ttl, owner: "a\nb")
        }
        #expect(error?.code == .invalidRequest)
    }
}
