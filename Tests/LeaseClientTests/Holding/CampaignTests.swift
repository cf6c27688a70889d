import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

/// A grace as long as the TTL makes every renewal due at once, so that no test waits for one.
@Suite(.timeLimit(.minutes(5))) struct CampaignTests {
    let name: LeaseName
    let ttl: TTL
    /// The reply to `HOLDER` in the first term.
    let granted: RESPValue

    init() throws {
        name = try LeaseName("scheduler")
        ttl = try TTL(.seconds(15))
        granted = try status("scheduler", token: token(7), fence: token(7), remaining: .seconds(15))
    }

    /// Grants the lease that is asked for.
    private func elect(_ daemon: FakeDaemon, fence: Int64) async -> FakeDaemon.Incoming {
        let acquire = await daemon.next("ACQUIRE")
        acquire.reply(.integer(fence))
        await daemon.next("CHECK").reply(.integer(15_000))
        return acquire
    }

    @Test func theLeaderResignsWhenItsWorkIsDone() async throws {
        let daemon = try await FakeDaemon(holder: granted)
        let client = LeaseClient(of: daemon)
        async let result = client.campaign(name, ttl: ttl, owner: "a") { leadership in leadership.fence }
        let acquire = await elect(daemon, fence: 7)
        #expect(acquire.text.prefix(7) == ["ACQUIRE", "scheduler", "15s", "WAIT", "FOREVER", "OWNER", "a"])
        #expect(acquire.text.last == "BIND")
        let release = await daemon.next("RELEASE")
        release.reply(.simpleString("OK"))
        #expect(try await result == token(7))
        await acquire.connectionEnd()
    }

    @Test func aLeaderThatFailsResignsAndSaysWhy() async throws {
        struct Failure: Error {}
        let daemon = try await FakeDaemon(holder: granted)
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in try await client.campaign(name, ttl: ttl) { _ in throw Failure() } }
        _ = await elect(daemon, fence: 7)
        await daemon.next("RELEASE").reply(.simpleString("OK"))
        await #expect(throws: Failure.self) { try await call.value }
    }

    @Test func aLostLeadershipCancelsTheWorkAndCampaignsAgain() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let (terms, began) = AsyncStream.makeStream(of: Token.self)
        let call = Task { [name, ttl] in
            try await client.campaign(name, ttl: ttl, grace: ttl.duration) { leadership in
                began.yield(leadership.fence)
                if leadership.fence.rawValue == 7 {
                    try? await waitForCancellation()
                    // A result returned without leading is not the campaign's result.
                    return "old"
                }
                return "new"
            }
        }
        let first = await elect(daemon, fence: 7)
        await daemon.next("RENEW").reply(.error("EXPIRED 7 is over"))
        await daemon.next("HOLDER").reply(.null)
        await first.connectionEnd()
        _ = await elect(daemon, fence: 9)
        // The second term renews, or has already ended; commands before the release are answered before it.
        var command = await daemon.next()
        if command.text.first == "RENEW" {
            let renewal = command
            command = await daemon.next()
            renewal.reply(.error("EXPIRED nobody waits for this"))
        }
        #expect(command.text == ["RELEASE", "scheduler", "9"])
        command.reply(.simpleString("OK"))
        #expect(try await call.value == "new")
        began.finish()
        #expect(await terms.reduce(into: []) { $0.append($1.rawValue) } == [7, 9])
    }

    @Test func aDaemonThatIsAwayAfterALossIsWaitedFor() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in
            try await client.campaign(name, ttl: ttl, grace: ttl.duration) { leadership in
                if leadership.fence.rawValue == 7 { try? await waitForCancellation() }
            }
        }
        _ = await elect(daemon, fence: 7)
        let renew = await daemon.next("RENEW")
        try await daemon.stopListening()
        renew.reply(.error("REVOKED stop"))
        let release = await daemon.next("RELEASE")
        release.reply(.simpleString("OK"))
        // The next candidacy finds no daemon until there is one again.
        let again = try await FakeDaemon(path: daemon.path)
        let acquire = await again.next("ACQUIRE")
        call.cancel()
        await acquire.connectionEnd()
        // The client's shared connection is still the old one.
        await daemon.next("HOLDER").reply(.null)
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .cancelled)
    }

    @Test func aDaemonThatWasNeverThereIsAnError() async throws {
        let client = LeaseClient(socketPath: FakeDaemon.unusedPath())
        let error = await #expect(throws: LeaseClientError.self) {
            try await client.campaign(name, ttl: ttl) { _ in Issue.record("it leads") }
        }
        #expect(error?.code == .connectionFailed)
    }

    @Test func aCancelledCandidateLeavesTheQueue() async throws {
        let daemon = try await FakeDaemon()
        let client = LeaseClient(of: daemon)
        let call = Task { [name, ttl] in try await client.campaign(name, ttl: ttl) { _ in Issue.record("it leads") } }
        let acquire = await daemon.next("ACQUIRE")
        call.cancel()
        await acquire.connectionEnd()
        await daemon.next("HOLDER").reply(.null)
        #expect(await #expect(throws: LeaseClientError.self) { try await call.value }?.code == .cancelled)
    }
}
