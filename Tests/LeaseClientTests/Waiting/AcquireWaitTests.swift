import LeaseClient
import LeaseCore
import LeaseWire
import Testing

@Suite(.timeLimit(.minutes(5))) struct AcquireWaitTests {
    let name: LeaseName
    let ttl: TTL

    init() throws {
        name = try LeaseName("backup")
        ttl = try TTL(.seconds(30))
    }

    /// The word after `word` in a command.
    private func value(of word: String, in command: FakeDaemon.Incoming) -> String? {
        command.text.firstIndex(of: word).map { command.text[$0 + 1] }
    }

    private func milliseconds(_ text: String?) throws -> Int64 {
        let duration = try DurationText.parse(try #require(text))
        return duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    }

    @Test func aWaitedGrantCountsFromTheQuestionWhatIsLeft() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquire(name, ttl: ttl, wait: .forever, owner: "me")
        let acquire = await daemon.next("ACQUIRE")
        #expect(acquire.text.dropLast() == ["ACQUIRE", "backup", "30s", "WAIT", "FOREVER", "OWNER", "me", "REQUEST"])
        // The wait does not hold back other calls.
        async let ping: Void = client.ping()
        await daemon.next("PING").reply(.simpleString("PONG"))
        try await ping
        acquire.reply(.integer(7))
        let check = await daemon.next("CHECK")
        let arrived = ContinuousClock.now
        #expect(check.text == ["CHECK", "backup", "7"])
        check.reply(.integer(1500))
        let lease = try await call
        #expect(try lease.fence == token(7))
        #expect(lease.deadline <= arrived + .milliseconds(1500))
        // Nothing is attached to the connection that waited.
        await acquire.connectionEnd()
    }

    @Test func aWaitThatTheDaemonEndsIsATimeout() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.acquire(name, ttl: ttl, wait: .upTo(.seconds(5))) }
        let acquire = await daemon.next("ACQUIRE")
        #expect(try milliseconds(value(of: "WAIT", in: acquire)) <= 5000)
        acquire.reply(.error("TIMEOUT the wait is over"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .timeout)
        await acquire.connectionEnd()
    }

    @Test func aWaitOfNoTimeIsNone() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.acquire(name, ttl: ttl, wait: .upTo(.zero)) }
        let acquire = await daemon.next("ACQUIRE")
        #expect(!acquire.text.contains("WAIT"))
        acquire.reply(.error("CONFLICT it is held"))
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .conflict)
    }

    @Test func aWaitJoinsAgainWithTheSameRequestAndWhatIsLeft() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquire(name, ttl: ttl, wait: .upTo(.seconds(50)))
        let first = await daemon.next("ACQUIRE")
        await first.hangUp()
        let second = await daemon.next("ACQUIRE")
        #expect(value(of: "REQUEST", in: second) == value(of: "REQUEST", in: first))
        let waits = try [first, second].map { try milliseconds(value(of: "WAIT", in: $0)) }
        #expect(waits[1] < waits[0])
        second.reply(.integer(7))
        await daemon.next("CHECK").reply(.integer(1500))
        #expect(try await call.fence == token(7))
    }

    @Test func aDaemonThatIsAwayForAWhileIsWaitedFor() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquire(name, ttl: ttl, wait: .forever)
        let first = await daemon.next("ACQUIRE")
        try await daemon.stopListening()
        await first.hangUp()
        let again = try await FakeDaemon(path: daemon.path)
        await again.next("ACQUIRE").reply(.integer(7))
        await again.next("CHECK").reply(.integer(1500))
        #expect(try await call.fence == token(7))
    }

    @Test func aGrantOfADaemonThatGoesAwayBeforeItTellsWhatIsLeftIsAskedForAgain() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon) { $0.connectTimeout = .seconds(1) }
        async let call = client.acquire(name, ttl: ttl, wait: .forever)
        let first = await daemon.next("ACQUIRE")
        first.reply(.integer(7))
        // For a while it repeats the question for the remaining time.
        var second = await daemon.next()
        while second.text[0] == "CHECK" {
            await second.hangUp()
            second = await daemon.next()
        }
        #expect(second.text[0] == "ACQUIRE")
        #expect(value(of: "REQUEST", in: second) == value(of: "REQUEST", in: first))
        second.reply(.integer(7))
        await daemon.next("CHECK").reply(.integer(1500))
        #expect(try await call.fence == token(7))
    }

    @Test func whatIsLeftIsAskedAgainOfADaemonThatCameBack() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquire(name, ttl: ttl, wait: .forever)
        await daemon.next("ACQUIRE").reply(.integer(7))
        await daemon.next("CHECK").hangUp()
        let check = await daemon.next("CHECK")
        #expect(check.text == ["CHECK", "backup", "7"])
        check.reply(.integer(1500))
        #expect(try await call.fence == token(7))
    }

    /// Another connection might exceed its user's limit.
    @Test func aWaitersConnectionIsTheOneThatTellsWhatIsLeft() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquire(name, ttl: ttl, wait: .forever)
        let acquire = await daemon.next("ACQUIRE")
        try await daemon.stopListening()
        acquire.reply(.integer(7))
        await daemon.next("CHECK").reply(.integer(1500))
        await acquire.connectionEnd()
        #expect(try await call.fence == token(7))
    }

    @Test func aDaemonThatIsNotThereAtFirstIsAnErrorAtOnce() async throws {
        let client = LeaseClient(socketPath: FakeDaemon.unusedPath())
        let error = await #expect(throws: LeaseClientError.self) {
            try await client.acquire(name, ttl: ttl, wait: .forever)
        }
        #expect(error?.code == .connectionFailed)
    }

    @Test func aGrantThatWasOverBeforeItWasHeardOfIsWaitedForAnew() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquire(name, ttl: ttl, wait: .forever)
        let first = await daemon.next("ACQUIRE")
        first.reply(.integer(7))
        await daemon.next("CHECK").reply(.error("EXPIRED 7 is over"))
        let second = await daemon.next("ACQUIRE")
        #expect(value(of: "REQUEST", in: second) != value(of: "REQUEST", in: first))
        second.reply(.integer(9))
        await daemon.next("CHECK").reply(.integer(1500))
        #expect(try await call.fence == token(9))
    }

    @Test func aCancelledWaitLeavesTheQueue() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl, wait: .forever) }
        let acquire = await daemon.next("ACQUIRE")
        call.cancel()
        await acquire.connectionEnd()
        // The daemon may have been killed just after a grant, so the client checks.
        await daemon.next("HOLDER").reply(.null)
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .cancelled && error?.returnedFence == nil)
    }

    /// A lease whose release the daemon did not confirm is not reported as returned.
    @Test(arguments: [nil, "IOERR the disk is full", "EXPIRED it was over"])
    func aGrantThatCrossesTheCancellationIsReleasedAndSaidToBeIfThatIsConfirmed(refusal: String?) async throws {
        let daemon = try await FakeDaemon(staysHalfOpen: true)
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl, wait: .forever) }
        let acquire = await daemon.next("ACQUIRE")
        call.cancel()
        let end = await daemon.next("<end>")
        acquire.reply(.integer(7))
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "7"])
        release.reply(refusal.map { .error($0) } ?? .simpleString("OK"))
        await end.hangUp()
        if refusal?.hasPrefix("EXPIRED") == true {
            // It checks whether the job has renewed by itself.
            await daemon.next("HOLDER").reply(.null)
        }
        await daemon.next("HOLDER").reply(.null)
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .cancelled)
        #expect(try error?.returnedFence == (refusal == nil ? token(7) : nil))
    }

    /// The holder has just left and the repetition is granted: no lease was held when the call was cancelled.
    @Test func aGrantOfTheRepetitionIsReleasedAndNotSaidToBeReturned() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl, wait: .forever, owner: "me") }
        _ = await daemon.next("ACQUIRE")
        call.cancel()
        await daemon.next("HOLDER").reply(try status("backup", token: token(5), fence: token(5)))
        await daemon.next("ACQUIRE").reply(.integer(7))
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "7"])
        release.reply(.simpleString("OK"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .cancelled && error?.returnedFence == nil)
    }

    /// Tells the client that the lease is held; expects that it recognizes the grant by its request id, and releases
    /// it.
    private func expectRelease(
        asked holder: FakeDaemon.Incoming,
        for acquire: FakeDaemon.Incoming,
        of daemon: FakeDaemon
    ) async throws {
        holder.reply(try status("backup", token: token(7), fence: token(7)))
        let repetition = await daemon.next("ACQUIRE")
        #expect(repetition.text == acquire.text.filter { $0 != "WAIT" && $0 != "FOREVER" })
        repetition.reply(.integer(7))
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "7"])
        release.reply(.simpleString("OK"))
    }

    @Test func aGrantThatTheCancelledNeverHeardOfIsReleased() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl, wait: .forever, owner: "me") }
        let acquire = await daemon.next("ACQUIRE")
        call.cancel()
        try await expectRelease(asked: await daemon.next("HOLDER"), for: acquire, of: daemon)
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(try error?.code == .cancelled && error?.returnedFence == token(7))
    }

    /// A daemon that is busy or has a full disk may have granted before.
    @Test(arguments: ["BUSY 4000 connections are open", "UNAVAILABLE not now", "IOERR the disk is full"])
    func aGrantThatWasNotHeardOfIsReleasedWhateverElseTheDaemonSaysThen(answer: String) async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon) {
            $0.initialBackoff = .milliseconds(1)
            $0.maximumBackoff = .seconds(600)
        }
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl, wait: .forever, owner: "me") }
        let acquire = await daemon.next("ACQUIRE")
        // It has granted, and is killed before it replies.
        await acquire.hangUp()
        await daemon.next("ACQUIRE").reply(.error(answer))
        call.cancel()
        var incoming = await daemon.next()
        // Another attempt may have been under way.
        if incoming.text.contains("WAIT") { incoming = await daemon.next() }
        #expect(incoming.text == ["HOLDER", "backup"])
        try await expectRelease(asked: incoming, for: acquire, of: daemon)
        await #expect(throws: LeaseClientError.self) { try await call.value }
    }

    @Test func aWaitCancelledWhileTheDaemonIsAwayEnds() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon) {
            $0.initialBackoff = .seconds(600)
            $0.maximumBackoff = .seconds(600)
        }
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl, wait: .forever) }
        let acquire = await daemon.next("ACQUIRE")
        try await daemon.stopListening()
        await acquire.hangUp()
        call.cancel()
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .cancelled)
    }

    @Test func aHangingDaemonHoldsACancelledWaitForALimitedTime() async throws {
        let daemon = try await FakeDaemon(staysHalfOpen: true)
        // The timeout also limits connecting, which is slow on a busy machine.
        let client = LeaseClient(of: daemon) { $0.connectTimeout = .seconds(2) }
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl, wait: .forever) }
        _ = await daemon.next("ACQUIRE")
        call.cancel()
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .cancelled)
        _ = await daemon.next("<end>")
    }

    /// The daemon may read the request after the caller has given up waiting for the answer.
    @Test func aGrantOfADaemonThatHungAtTheCancellationIsReleased() async throws {
        let daemon = try await FakeDaemon(staysHalfOpen: true)
        let client = LeaseClient(of: daemon) { $0.connectTimeout = .seconds(2) }
        let call = Task { [name, ttl] in try await client.acquire(name, ttl: ttl, wait: .forever) }
        _ = await daemon.next("ACQUIRE")
        call.cancel()
        _ = await daemon.next("<end>")
        await daemon.next("HOLDER").reply(try status("backup", token: token(7), fence: token(7)))
        await daemon.next("ACQUIRE").reply(.integer(7))
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "7"])
        release.reply(.simpleString("OK"))
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .cancelled)
    }

    @Test func aBoundLeaseEndsWithItsBinding() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquireBound(name, ttl: ttl)
        let acquire = await daemon.next("ACQUIRE")
        #expect(acquire.text.last == "BIND" && !acquire.text.contains("WAIT"))
        let arrived = ContinuousClock.now
        acquire.reply(.integer(7))
        let (lease, binding) = try await call
        #expect(lease.deadline <= arrived + ttl.duration)
        #expect(binding.isOpen)
        binding.close()
        await acquire.connectionEnd()
        await binding.ended()
        #expect(!binding.isOpen)
    }

    @Test func aBindingThatIsDroppedIsClosed() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.acquireBound(name, ttl: ttl, wait: .forever).lease }
        let acquire = await daemon.next("ACQUIRE")
        #expect(acquire.text.contains("WAIT") && acquire.text.last == "BIND")
        acquire.reply(.integer(7))
        await daemon.next("CHECK").reply(.integer(1500))
        _ = try await call.value
        await acquire.connectionEnd()
    }

    @Test func aBindingTellsOfTheDaemonsEnd() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        async let call = client.acquireBound(name, ttl: ttl)
        let acquire = await daemon.next("ACQUIRE")
        acquire.reply(.integer(7))
        let (_, binding) = try await call
        await acquire.hangUp()
        await binding.ended()
        #expect(!binding.isOpen)
    }
}
