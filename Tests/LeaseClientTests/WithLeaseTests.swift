import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

/// A grace as long as the TTL makes every renewal due at once, so that no test waits for one.
///
/// Such a renewal replaces the `HOLDER` that otherwise follows the grant.
@Suite(.timeLimit(.minutes(5))) struct WithLeaseTests {
    let name: LeaseName
    let ttl: TTL
    /// The reply to `HOLDER` for the lease as granted.
    let granted: RESPValue

    init() throws {
        name = try LeaseName("backup")
        ttl = try TTL(.seconds(30))
        granted = try status("backup", token: token(7), fence: token(7), remaining: .seconds(30))
    }

    @Test func releasesAtTheEndWithTheNewestToken() async throws {
        let daemon = try await FakeDaemon()
        // A grace that leaves no time makes it renew at once, and again without a pause.
        let client = LeaseClient(of: daemon) { $0.maximumBackoff = .zero }
        let (renewed, isRenewed) = AsyncStream.makeStream(of: Void.self)
        async let result = client.withLease(name, ttl: ttl, grace: ttl.duration) { lease in
            for await _ in renewed {}
            return (lease.fence, lease.isHeld)
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        let renew = await daemon.next("RENEW")
        #expect(renew.text.prefix(4) == ["RENEW", "backup", "7", "30s"])
        renew.reply(.integer(9))
        // The next renewal uses the token of the last one, so that one has been processed.
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
        let daemon = try await FakeDaemon(holder: granted)
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
        let daemon = try await FakeDaemon(holder: granted)
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
        // Another client's tenure.
        await daemon.next("HOLDER").reply(try status("backup", token: token(8), fence: token(8)))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .expired)
        // It does not release another's tenure: the next command is a different one.
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
        #expect(error?.loss == LeaseLoss(.revoked, "stop now"))
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
        // Long enough for a busy machine to send the first renewal.
        let client = LeaseClient(of: daemon) { $0.connectTimeout = .milliseconds(500) }
        let held = HeldLease(
            Lease(name: name, fence: try token(7), token: try token(7), ttl: ttl, deadline: .now - .seconds(1))
        )
        let (sleeps, slept) = AsyncStream.makeStream(of: ContinuousClock.Instant.self)
        let keeper = Task {
            await LeaseKeeper(client: client, held: held, grace: .zero, isLostAtDeadline: false) { instant in
                slept.yield(instant)
                try await Task.sleep(until: instant, clock: .continuous)
            }
            .run()
        }
        let renew = await daemon.next("RENEW")
        try await daemon.stopListening()
        await renew.hangUp()
        #expect(!held.isHeld && held.loss == nil)
        // Long enough for the command to be given up: the keeper repeats it by itself.
        let again = try await FakeDaemon(path: daemon.path)
        let next = await again.next()
        if next.text.first == "HOLDER" {
            // It saw the connection end first, and asks for the holder before it renews.
            next.reply(try status("backup", token: token(9), fence: token(7)))
        } else {
            #expect(next.text.prefix(3) == ["RENEW", "backup", "7"])
            next.reply(.integer(9))
            if next.words == renew.words {
                await again.next("CHECK").reply(.integer(30_000))
            }
        }
        // The renewal has been processed when the keeper sleeps until the next one, which is far off.
        for await instant in sleeps where instant > .now + .seconds(2) { break }
        #expect(held.lease.token.rawValue == 9)
        #expect(held.isHeld && held.loss == nil)
        keeper.cancel()
        #expect(await keeper.value == nil)
    }

    @Test func aRevocationIsKnownAtOnce() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl) { lease in
                try? await waitForCancellation()
                return lease.loss?.reason
            }
        }
        let acquire = await daemon.next("ACQUIRE")
        acquire.reply(.integer(7))
        let watch = await daemon.subscription()
        #expect(watch.text == ["SUBSCRIBE", "backup"])
        await daemon.next("HOLDER").reply(granted)
        // The keeper does not rely on the message's content: it asks the daemon.
        acquire.reply(.push([.text("message"), .text("backup"), .text("{}")]))
        await daemon.next("HOLDER").reply(try status("backup", token: token(7), fence: token(7), state: .revoking))
        await daemon.next("RENEW").reply(.error("REVOKED it is being revoked (moved)"))
        await daemon.next("RELEASE").reply(.simpleString("OK"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .revoked)
        #expect(error?.message.contains("moved") == true)
    }

    @Test func theReasonOfARevocationAtOnceIsKnown() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl) { _ in try await waitForCancellation() }
        }
        let acquire = await daemon.next("ACQUIRE")
        acquire.reply(.integer(7))
        _ = await daemon.subscription()
        await daemon.next("HOLDER").reply(granted)
        let told = #"{"event":"revoked","fence":7,"owner":"me","at_ms":5,"reason":"moved"}"#
        acquire.reply(.push([.text("message"), .text("backup"), .text(told)]))
        await daemon.next("HOLDER").reply(.null)
        await daemon.next("RELEASE").reply(.simpleString("OK"))
        let error = await #expect(throws: LeaseClientError.self) { try await call.value }
        #expect(error?.code == .revoked)
        #expect(error?.message.contains("moved") == true)
    }

    @Test func aRevocationBetweenTheGrantAndTheSubscriptionIsKnownAtOnce() async throws {
        let daemon = try await FakeDaemon(greets: false)
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl) { _ in try await waitForCancellation() }
        }
        await daemon.next("HELLO").reply(.fields([("proto", .integer(3))]))
        await daemon.next("ACQUIRE").reply(.integer(7))
        // No message tells of events before the subscription, so the question follows it.
        await daemon.next("SUBSCRIBE").reply(.push([.text("subscribe"), .text("backup"), .integer(1)]))
        await daemon.next("HOLDER").reply(try status("backup", token: token(7), fence: token(7), state: .revoking))
        await daemon.next("RENEW").reply(.error("REVOKED it is being revoked (moved)"))
        await daemon.next("UNSUBSCRIBE").reply(.push([.text("unsubscribe"), .text("backup"), .integer(0)]))
        await daemon.next("RELEASE").reply(.simpleString("OK"))
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .revoked)
    }

    @Test func aRevocationBetweenTwoSubscriptionsIsKnownAtOnce() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl) { _ in try await waitForCancellation() }
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        let watch = await daemon.subscription()
        await daemon.next("HOLDER").reply(granted)
        await watch.hangUp()
        let again = await daemon.subscription()
        #expect(again.text == ["SUBSCRIBE", "backup"])
        await daemon.next("HOLDER").reply(.null)
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .expired)
    }

    @Test func aBoundLeaseIsBoundAnewWhenTheDaemonIsBack() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let (begun, begin) = AsyncStream.makeStream(of: HeldLease.self)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl, holding: .bound) { held in
                begin.yield(held)
                try await waitForCancellation()
            }
        }
        let acquire = await daemon.next("ACQUIRE")
        #expect(acquire.text.last == "BIND")
        acquire.reply(.integer(7))
        let held = try #require(await begun.first { _ in true })
        await daemon.next("HOLDER").reply(granted)
        await acquire.hangUp()
        let renew = await daemon.next("RENEW")
        #expect(renew.text.prefix(3) == ["RENEW", "backup", "7"] && renew.text.last == "BIND")
        renew.reply(.integer(9))
        // Bound to that connection now.
        while held.lease.token.rawValue != 9 { await Task.yield() }
        await renew.hangUp()
        let again = await daemon.next("RENEW")
        #expect(again.text.prefix(3) == ["RENEW", "backup", "9"] && again.text.last == "BIND")
        again.reply(.integer(11))
        call.cancel()
        let release = await daemon.next("RELEASE")
        release.reply(.simpleString("OK"))
        await again.connectionEnd()
        await #expect(throws: (any Error).self) { try await call.value }
    }

    @Test func aBindingThatEndsDuringARenewalIsMadeAnewAtOnce() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let (begun, begin) = AsyncStream.makeStream(of: HeldLease.self)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl, holding: .bound, grace: ttl.duration) { held in
                begin.yield(held)
                try await waitForCancellation()
            }
        }
        let acquire = await daemon.next("ACQUIRE")
        acquire.reply(.integer(7))
        let held = try #require(await begun.first { _ in true })
        let renew = await daemon.next("RENEW")
        await acquire.hangUp()
        await held.attachment.ended()
        renew.reply(.integer(9))
        // Before the next renewal, which is also due.
        let again = await daemon.next("RENEW")
        #expect(again.text.prefix(3) == ["RENEW", "backup", "9"] && again.text.last == "BIND")
        call.cancel()
        again.reply(.integer(11))
        let release = await daemon.next("RELEASE")
        #expect(release.text == ["RELEASE", "backup", "11"])
        release.reply(.simpleString("OK"))
        await #expect(throws: (any Error).self) { try await call.value }
    }

    @Test func aTiedLeaseIsTiedAnewWhenTheDaemonIsBack() async throws {
        let daemon = try await FakeDaemon(holder: granted, staysHalfOpen: true)
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl, wait: .forever, holding: .tied) { lease in
                #expect(lease.isHeld)
                try await waitForCancellation()
            }
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        await daemon.next("CHECK").reply(.integer(30_000))
        // The connection that waited is no longer needed.
        _ = await daemon.next("<end>")
        let first = await daemon.next("TIE")
        #expect(first.text == ["TIE", "backup", "7"])
        first.reply(.simpleString("OK"))
        // The tie's connection sends nothing more.
        _ = await daemon.next("<end>")
        await first.hangUp()
        let second = await daemon.next("TIE")
        #expect(second.text == ["TIE", "backup", "7"])
        second.reply(.simpleString("OK"))
        _ = await daemon.next("<end>")
        call.cancel()
        let release = await daemon.next("RELEASE")
        release.reply(.simpleString("OK"))
        await #expect(throws: (any Error).self) { try await call.value }
        await second.hangUp()
    }

    @Test func aTieThatIsRefusedLeavesNoLeaseBehind() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.withLease(name, ttl: ttl, holding: .tied) { _ in Issue.record("the body runs") }
        }
        await daemon.next("ACQUIRE").reply(.integer(7))
        await daemon.next("TIE").reply(.error("BUSY too many ties"))
        await daemon.next("RELEASE").reply(.simpleString("OK"))
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .busy)
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
