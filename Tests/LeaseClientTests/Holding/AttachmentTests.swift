import Glibc
import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

@Suite(.timeLimit(.minutes(5))) struct AttachmentTests {
    let name: LeaseName
    let lease: Lease

    init() throws {
        name = try LeaseName("backup")
        lease = Lease(
            name: name,
            fence: try token(7),
            token: try token(7),
            ttl: try TTL(.seconds(30)),
            deadline: .now - .seconds(1)
        )
    }

    /// What poll(2) reports for a descriptor, without waiting.
    private func events(of descriptor: CInt) -> CInt {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) < 0 ? -1 : CInt(entry.revents)
    }

    @Test func aTieIsADescriptorThatSendsNothingAndIsNotInheritedByItself() async throws {
        let daemon = try await FakeDaemon(staysHalfOpen: true)
        let client = LeaseClient(of: daemon)
        async let call = client.tie(lease)
        let command = await daemon.next("TIE")
        #expect(command.text == ["TIE", "backup", "7"])
        command.reply(.simpleString("OK"))
        let tie = try await call
        let end = await daemon.next("<end>")
        #expect(tie.descriptor > 2)
        #expect(fcntl(tie.descriptor, F_GETFD) & FD_CLOEXEC != 0)
        #expect(send(tie.descriptor, "x", 1, Int32(MSG_NOSIGNAL)) == -1 && errno == EPIPE)
        #expect(tie.isOpen && events(of: tie.descriptor) == 0)
        // A tied lease is held past its deadline.
        #expect(HeldLease(lease, attachment: .tie(tie)).isHeld)
        #expect(!HeldLease(lease).isHeld)

        await end.hangUp()
        await tie.ended()
        #expect(!tie.isOpen && !HeldLease(lease, attachment: .tie(tie)).isHeld)
        #expect(events(of: tie.descriptor) & CInt(POLLHUP) != 0)
        tie.close()
        #expect(tie.descriptor == -1)
    }

    @Test func whoInheritsTheDescriptorKeepsTheTie() async throws {
        let daemon = try await FakeDaemon(staysHalfOpen: true)
        let client = LeaseClient(of: daemon)
        async let call = client.tie(name, token: token(7))
        let command = await daemon.next("TIE")
        command.reply(.simpleString("OK"))
        let tie = try await call
        _ = await daemon.next("<end>")
        let job = dup(tie.descriptor)
        tie.close()
        await tie.ended()
        // The daemon still reaches the job's copy: the connection is open.
        command.reply(.simpleString("alive"))
        var entry = pollfd(fd: job, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 10_000) == 1)
        #expect(CInt(entry.revents) & CInt(POLLHUP) == 0)
        close(job)
        await command.connectionEnd()
    }

    @Test func aTieIsMadeWithTheNewestToken() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.tie(lease)
        await daemon.next("TIE").reply(.error("EXPIRED 7 is not the newest"))
        await daemon.next("HOLDER").reply(try status("backup", token: token(9), fence: token(7)))
        let second = await daemon.next("TIE")
        #expect(second.text == ["TIE", "backup", "9"])
        second.reply(.simpleString("OK"))
        _ = try await call
    }

    @Test func aTenureThatIsOverIsNotTied() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        for holder in [RESPValue.null, try status("backup", token: token(9), fence: token(8))] {
            let call = Task { try await client.tie(lease) }
            let command = await daemon.next("TIE")
            command.reply(.error("EXPIRED 7 is over"))
            await daemon.next("HOLDER").reply(holder)
            #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .expired)
            await command.connectionEnd()
        }
    }

    @Test func aCancelledTieIsNotGivenUpOnceItIsMade() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.tie(lease) }
        let command = await daemon.next("TIE")
        call.cancel()
        command.reply(.simpleString("OK"))
        let tie = try await call.value
        tie.close()
        await command.connectionEnd()
    }

    @Test func renewingUsesTheNewestTokenOfTheTenure() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.renew(lease, ttl: TTL(.seconds(60)))
        let first = await daemon.next("RENEW")
        #expect(first.text.prefix(4) == ["RENEW", "backup", "7", "1m"])
        first.reply(.error("EXPIRED 7 is not the newest"))
        await daemon.next("HOLDER").reply(try status("backup", token: token(9), fence: token(7)))
        let second = await daemon.next("RENEW")
        #expect(second.text.prefix(4) == ["RENEW", "backup", "9", "1m"])
        second.reply(.integer(10))
        let renewed = try await call
        #expect(try renewed.token == token(10) && renewed.fence == token(7))
        #expect(renewed.deadline > .now + .seconds(50))
    }

    @Test func releasingUsesTheNewestTokenOfTheTenure() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call: Void = client.release(lease)
        await daemon.next("RELEASE").reply(.error("EXPIRED 7 is not the newest"))
        await daemon.next("HOLDER").reply(try status("backup", token: token(9), fence: token(7)))
        let second = await daemon.next("RELEASE")
        #expect(second.text == ["RELEASE", "backup", "9"])
        second.reply(.simpleString("OK"))
        try await call
    }

    @Test func renewingWhatIsAnothersFails() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.renew(lease) }
        await daemon.next("RENEW").reply(.error("EXPIRED 7 is over"))
        await daemon.next("HOLDER").reply(try status("backup", token: token(9), fence: token(8)))
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .expired)
    }

    @Test func unbindingGoesOnByTime() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.unbind(lease, ttl: TTL(.seconds(60)))
        let command = await daemon.next("RENEW")
        #expect(command.text.prefix(4) == ["RENEW", "backup", "7", "1m"] && command.text.last == "UNBIND")
        command.reply(.integer(9))
        #expect(try await call.token == token(9))
    }

    @Test func bindingRenewsOnAConnectionOfItsOwn() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.bind(lease)
        let command = await daemon.next("RENEW")
        #expect(command.text.prefix(4) == ["RENEW", "backup", "7", "30s"] && command.text.last == "BIND")
        command.reply(.integer(9))
        let (bound, binding) = try await call
        #expect(try bound.token == token(9))
        // The client's shared connection is a different one.
        async let ping: Void = client.ping()
        await daemon.next("PING").reply(.simpleString("PONG"))
        try await ping
        await client.close()
        #expect(binding.isOpen)
        binding.close()
        await command.connectionEnd()
    }
}

@Suite(.timeLimit(.minutes(5))) struct LatchAndBellTests {
    @Test func aLatchFreesAllWhoWaitAndAllWhoCome() async {
        let latch = Latch()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { await latch.wait() } }
            group.addTask { latch.open() }
        }
        #expect(latch.isOpen)
        await latch.wait()
    }

    @Test func whoIsCancelledWaitsNoLonger() async {
        let latch = Latch()
        let bell = Bell()
        for _ in 0..<100 {
            let tasks = [Task { await latch.wait() }, Task { await bell.wait() }]
            for task in tasks {
                task.cancel()
                await task.value
            }
        }
        #expect(!latch.isOpen && !bell.take())
    }

    @Test func aBellThatWasRungIsHeardOnce() async {
        let bell = Bell()
        bell.ring()
        bell.ring()
        await bell.wait()
        #expect(bell.take())
        #expect(!bell.take())
        let waiting = Task { await bell.wait() }
        bell.ring()
        await waiting.value
        #expect(bell.take())
    }
}
