import LeaseClient
import LeaseCore
import Testing

@testable import LeaseServer

/// The Swift client against the whole server.
@Suite(.timeLimit(.minutes(5))) struct LiveClientTests {
    let name: LeaseName
    let ttl: TTL

    init() throws {
        name = try LeaseName("backup \u{0}\u{FF}")
        ttl = try TTL(.seconds(30))
    }

    @Test func verbsDoWhatTheProtocolSays() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            let first = try await client.token()
            let lease = try await client.acquire(name, ttl: ttl, owner: "nightly")
            #expect(lease.fence > first && lease.token == lease.fence)
            let second = await code { try await client.acquire(name, ttl: ttl) }
            #expect(second == .conflict)
            let renewed = try await client.renew(name, token: lease.token, ttl: ttl)
            #expect(renewed > lease.token)
            let stale = await code { try await client.renew(name, token: lease.token, ttl: ttl) }
            #expect(stale == .expired)
            let left = try await client.check(name, token: lease.fence)
            #expect(left > .seconds(20) && left <= .seconds(30))
            let found = try await client.holder(of: name)
            let status = try #require(found)
            #expect(status.fence == lease.fence && status.token == renewed && status.owner == "nightly")
            #expect(status.renewals == 1 && status.state == .held)
            let names = try await client.leases().map(\.name)
            #expect(names == [name])
            try await client.release(name, token: renewed)
            let holder = try await client.holder(of: name)
            let wasHeld = try await client.revoke(name)
            #expect(holder == nil && !wasHeld)
            try await client.ping()
            let sections = try await client.info()
            #expect(sections.map(\.name).contains("Leases"))
            await client.close()
        }
    }

    @Test func leaseIsHeldWhileTheBodyRunsAndFreeAfterwards() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            let fence = try await client.withLease(name, ttl: ttl) { [name] lease in
                let status = try await client.holder(of: name)
                #expect(status?.fence == lease.fence && lease.isHeld)
                return lease.fence
            }
            let next = try await client.acquire(name, ttl: ttl)
            #expect(next.fence > fence)
            await client.close()
        }
    }

    @Test func cancelledWorkLeavesNoLeaseBehind() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            let (began, isBegun) = AsyncStream.makeStream(of: Void.self)
            let work = Task {
                try await client.withLease(name, ttl: ttl) { _ in
                    isBegun.finish()
                    try await waitForEnd()
                }
            }
            for await _ in began {}
            work.cancel()
            await #expect(throws: (any Error).self) { try await work.value }
            let holder = try await client.holder(of: name)
            #expect(holder == nil)
            await client.close()
        }
    }

    @Test func revocationEndsTheWork() async throws {
        try await TestServer.with { [name] test in
            let client = LeaseClient(socketPath: test.path)
            let (began, isBegun) = AsyncStream.makeStream(of: Void.self)
            // A grace as long as the TTL makes each renewal due at once.
            let ttl = try TTL(.seconds(30))
            async let work: Void = client.withLease(name, ttl: ttl, grace: ttl.duration) { _ in
                isBegun.finish()
                try await waitForEnd()
            }
            for await _ in began {}
            let administrator = LeaseClient(socketPath: test.path)
            let wasHeld = try await administrator.revoke(name, after: .seconds(60), reason: "maintenance")
            #expect(wasHeld)
            do {
                try await work
                Issue.record("a revoked lease did not end its work")
            } catch let error as LeaseClientError {
                #expect(error.code == .revoked)
            }
            let holder = try await administrator.holder(of: name)
            #expect(holder == nil)
            await client.close()
            await administrator.close()
        }
    }
}

/// Waits until the task is cancelled.
private func waitForEnd() async throws {
    for await _ in AsyncStream.makeStream(of: Void.self).stream {}
    try Task.checkCancellation()
}

/// The code that `call` is refused with, or `nil` if it is not.
private func code(_ call: () async throws -> some Any) async -> LeaseClientError.Code? {
    do {
        _ = try await call()
        return nil
    } catch {
        return (error as? LeaseClientError)?.code
    }
}
