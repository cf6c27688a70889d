import Glibc
import LeaseClient
import LeaseCore
import Testing

@testable import LeaseServer

/// Waits, bindings and ties of the Swift client, against the whole server.
@Suite(.timeLimit(.minutes(5))) struct LiveHoldingTests {
    let name: LeaseName
    let ttl: TTL

    init() throws {
        name = try LeaseName("backup \u{0}\u{FF}")
        ttl = try TTL(.seconds(3600))
    }

    /// Returns when this many wait for the lease.
    private func waiters(_ count: Int, for name: LeaseName, _ client: LeaseClient) async throws {
        while try await client.holder(of: name)?.waiters != count { await Task.yield() }
    }

    @Test func whoWaitsIsGrantedInTurn() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            let first = try await client.acquire(name, ttl: ttl)
            let (granted, grant) = AsyncStream.makeStream(of: Int.self)
            try await withThrowingTaskGroup { group in
                for number in 1...3 {
                    group.addTask {
                        let lease = try await client.acquire(name, ttl: ttl, wait: .upTo(.seconds(50)))
                        grant.yield(number)
                        #expect(lease.fence > first.fence && lease.deadline > .now + .seconds(1800))
                        try await client.release(name, token: lease.token)
                    }
                    try await waiters(number, for: name, client)
                }
                try await client.release(name, token: first.token)
                try await group.waitForAll()
            }
            grant.finish()
            #expect(await granted.reduce(into: []) { $0.append($1) } == [1, 2, 3])
            await client.close()
        }
    }

    @Test func aWaitThatIsOverIsATimeout() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            let first = try await client.acquire(name, ttl: ttl)
            do {
                _ = try await client.acquire(name, ttl: ttl, wait: .upTo(.milliseconds(20)))
                Issue.record("it is granted")
            } catch let error as LeaseClientError {
                #expect(error.code == .timeout)
            }
            let status = try await client.holder(of: name)
            #expect(status?.fence == first.fence && status?.waiters == 0)
            await client.close()
        }
    }

    /// The cancellation comes before, during or after the grant.
    @Test func aCancelledWaitNeverLeavesALeaseBehind() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            for delay in 0..<100 {
                let first = try await client.acquire(name, ttl: ttl)
                let wait = Task { try await client.acquire(name, ttl: ttl, wait: .forever) }
                if delay > 50 { try await waiters(1, for: name, client) }
                async let released: Void = client.release(name, token: first.token)
                for _ in 0..<delay { await Task.yield() }
                wait.cancel()
                if case .success(let lease) = await wait.result {
                    // It was granted before the cancellation came, so the caller has it.
                    try await client.release(name, token: lease.token)
                }
                try await released
                let holder = try await client.holder(of: name)
                #expect(holder == nil, "after \(delay) turns")
            }
            await client.close()
        }
    }

    @Test func aBoundLeaseIsFreeWhenItsBindingIsClosed() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            let (lease, binding) = try await client.acquireBound(name, ttl: ttl)
            let held = try await client.holder(of: name)
            #expect(held?.isBound == true)
            async let next = client.acquireBound(name, ttl: ttl, wait: .forever)
            try await waiters(1, for: name, client)
            binding.close()
            let (second, other) = try await next
            #expect(second.fence > lease.fence)
            // Another connection, then none.
            let (moved, newest) = try await client.bind(second)
            other.close()
            let still = try await client.holder(of: name)
            #expect(still?.token == moved.token && still?.isBound == true)
            let unbound = try await client.unbind(moved)
            newest.close()
            let left = try await client.holder(of: name)
            #expect(left?.token == unbound.token && left?.isBound == false)
            await client.close()
        }
    }

    @Test func aTiedLeaseIsFreeWhenTheLastCopyOfItsDescriptorIsClosed() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            let lease = try await client.acquire(name, ttl: ttl)
            let tie = try await client.tie(lease)
            async let next = client.acquire(name, ttl: ttl, wait: .forever)
            try await waiters(1, for: name, client)
            let job = dup(tie.descriptor)
            tie.close()
            await tie.ended()
            let held = try await client.holder(of: name)
            #expect(held?.fence == lease.fence && held?.isTied == true)
            // A tie, too, finds the newest token.
            _ = try await client.renew(name, token: lease.token, ttl: ttl)
            let second = try await client.tie(lease)
            close(job)
            let retied = try await client.holder(of: name)
            #expect(retied?.fence == lease.fence && retied?.isTied == true)
            second.close()
            #expect(try await next.fence > lease.fence)
            await client.close()
        }
    }

    @Test(arguments: [LeaseHolding.byTime, .bound, .tied]) func workIsDoneWhileTheLeaseIsHeld(
        _ holding: LeaseHolding
    ) async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            for _ in 0..<2 {
                try await client.withLease(name, ttl: ttl, wait: .upTo(.seconds(10)), holding: holding) { lease in
                    let status = try await client.holder(of: lease.name)
                    #expect(status?.fence == lease.fence && lease.isHeld)
                    #expect(status?.isBound == (holding == .bound) && status?.isTied == (holding == .tied))
                }
            }
            await client.close()
        }
    }

    @Test func leadershipIsHandedOver() async throws {
        try await TestServer.with { [name, ttl] test in
            let (terms, term) = AsyncStream.makeStream(of: (begin: Bool, fence: Token).self)
            try await withThrowingTaskGroup { group in
                for _ in 0..<5 {
                    group.addTask {
                        let client = LeaseClient(socketPath: test.path)
                        try await client.campaign(name, ttl: ttl) { leadership in
                            term.yield((true, leadership.fence))
                            await Task.yield()
                            term.yield((false, leadership.fence))
                        }
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
            term.finish()
            var leader: Token?
            var last = Token.min
            for await (begin, fence) in terms {
                #expect(begin ? leader == nil && fence > last : leader == fence)
                leader = begin ? fence : nil
                last = fence
            }
            #expect(leader == nil)
        }
    }

    @Test func aRevokedLeaderCampaignsAgain() async throws {
        try await TestServer.with { [name, ttl] test in
            let client = LeaseClient(socketPath: test.path)
            let (terms, term) = AsyncStream.makeStream(of: Token.self)
            let campaign = Task {
                try await client.campaign(name, ttl: ttl) { leadership in
                    term.yield(leadership.fence)
                    try await Task.sleep(for: .seconds(3600))
                }
            }
            var fences: [Token] = []
            for await fence in terms {
                fences.append(fence)
                if fences.count == 10 { break }
                // Before the leader watches its lease, or after that; renewals are far off.
                _ = try await client.revoke(name)
            }
            #expect(fences == fences.sorted())
            campaign.cancel()
            _ = await campaign.result
            let holder = try await client.holder(of: name)
            #expect(holder == nil)
            await client.close()
        }
    }
}
