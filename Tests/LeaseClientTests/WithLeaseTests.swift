import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

/// A grace as long as the TTL makes every renewal due at once, so that no test waits for one.
@Suite(.timeLimit(.minutes(1))) struct WithLeaseTests {
    let name: LeaseName
    let ttl: TTL

    init() throws {
        name = try LeaseName("backup")
        ttl = try TTL(.seconds(30))
    }

    @Test func releasesAtTheEndWithTheNewestToken() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let (renewed, isRenewed) = AsyncStream.makeStream(of: Void.self)
        async let result = client.withLease(name, ttl: ttl, grace: ttl.duration) { lease in
            for await _ in renewed {}
            return (lease.fence, lease.isHeld)
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        let renew = await daemon.next("RENEW")
        #expect(renew.text.prefix(4) == ["RENEW", "backup", "7", "30s"])
        renew.reply(.integer(9))
        // It renews again with what the last renewal gave, so the last one has been taken in.
        let next = await daemon.next("RENEW")
        #expect(next.text.prefix(4) == ["RENEW", "backup", "9", "30s"])
        isRenewed.finish()
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "9"])
        next.reply(.error("EXPIRED nobody waits for this"))
        release.reply(.simpleString("OK"))
        let (fence, isHeld) = try await result
        #expect(fence.rawValue == 7 && isHeld)
    }

    @Test func cancelledReleases() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl) { _ in try await waitForCancellation() }
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        call.cancel()
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "7"])
        release.reply(.simpleString("OK"))
        await #expect(throws: (any Error).self) { try await call.value }
    }

    @Test func aRenewalCutOffByTheCancellationDoesNotKeepTheLease() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl, grace: ttl.duration) { _ in try await waitForCancellation() }
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        let renew = await daemon.next("RENEW")
        call.cancel()
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "7"])
        // The daemon has renewed: 9 is the newest token now.
        renew.reply(.integer(9))
        release.reply(.error("EXPIRED 7 is not the newest"))
        await daemon.next("HOLDER").reply(try status("backup", token: token(9), fence: token(7)))
        let again = await daemon.next("RELEASE")
        #expect(again.text == ["RELEASE", "backup", "9"])
        again.reply(.simpleString("OK"))
        await #expect(throws: (any Error).self) { try await call.value }
    }

    @Test func aBodyThatThrowsReleases() async throws {
        struct Failure: Error {}
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.withLease(name, ttl: ttl) { _ in throw Failure() } }
        await daemon.next("ACQUIRE").reply(.integer(7))
        await daemon.next("RELEASE").reply(.simpleString("OK"))
        await #expect(throws: Failure.self) { try await call.value }
    }

    @Test func aLostLeaseCancelsTheBody() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task {
            try await client.withLease(name, ttl: ttl, grace: ttl.duration) { lease in
                try? await waitForCancellation()
                return lease.loss
            }
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        await daemon.next("RENEW").reply(.error("EXPIRED it is over"))
        // Somebody else's tenure.
        await daemon.next("HOLDER").reply(try status("backup", token: token(8), fence: token(8)))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .expired)
        // Nothing is released that is not its own: the next command is another.
        async let ping: Void = client.ping()
        await daemon.next("PING").reply(.simpleString("PONG"))
        try await ping
    }

    @Test func aRevokedLeaseCancelsTheBodyAndIsReleased() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task {
            try await client.withLease(name, ttl: ttl, grace: ttl.duration) { lease in
                try? await waitForCancellation()
                #expect(!lease.isHeld)
            }
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        await daemon.next("RENEW").reply(.error("REVOKED stop now"))
        await daemon.next("RELEASE").reply(.simpleString("OK"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .revoked)
        #expect(error?.message == "stop now")
    }

    @Test func onExpiredWithItsOwnFenceItAdoptsTheNewestToken() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl, grace: ttl.duration) { _ in try await waitForCancellation() }
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        await daemon.next("RENEW").reply(.error("EXPIRED it is not the newest"))
        await daemon.next("HOLDER").reply(try status("backup", token: token(9), fence: token(7)))
        let renew = await daemon.next("RENEW")
        #expect(renew.text.prefix(3) == ["RENEW", "backup", "9"])
        call.cancel()
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "9"])
        release.reply(.simpleString("OK"))
    }

    @Test func aDaemonThatIsAwayAndComesBackIsNoLoss() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon) { $0.connectTimeout = .milliseconds(20) }
        let held = HeldLease(
            Lease(name: name, fence: try token(7), token: try token(7), ttl: ttl, deadline: .now - .seconds(1))
        )
        let (sleeps, slept) = AsyncStream.makeStream(of: ContinuousClock.Instant.self)
        let keeper = Task {
            await LeaseKeeper(client: client, held: held, grace: .zero, isStoreShared: false) { instant in
                slept.yield(instant)
                try await Task.sleep(until: instant, clock: .continuous)
            }
            .run()
        }
        let renew = await daemon.next("RENEW")
        try await daemon.stopListening()
        await renew.hangUp()
        #expect(!held.isHeld && held.loss == nil)
        // Long enough for the command to be given up: the keeper asks again by itself.
        let again = try await FakeDaemon(path: daemon.path)
        let next = await again.next("RENEW")
        #expect(next.text.prefix(3) == ["RENEW", "backup", "7"])
        next.reply(.integer(9))
        if next.words == renew.words {
            await again.next("CHECK").reply(.integer(30_000))
        }
        // It has taken in the renewal when it sleeps until the next one, which is far off.
        for await instant in sleeps where instant > .now + .seconds(2) { break }
        #expect(held.lease.token.rawValue == 9)
        #expect(held.isHeld && held.loss == nil)
        keeper.cancel()
        #expect(await keeper.value == nil)
    }

    @Test func aConflictIsThrownAndTheBodyDoesNotRun() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { try await client.withLease(name, ttl: ttl) { _ in Issue.record("the body runs") } }
        await daemon.next("ACQUIRE").reply(.error("CONFLICT it is held"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .conflict)
    }
}
