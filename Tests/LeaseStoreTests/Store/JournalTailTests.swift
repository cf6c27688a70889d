import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

/// A list shows one commit, across all kinds, however much of the journal is folded.
@Suite struct JournalTailTests {
    private let bench: StoreBench
    private let key: Key
    private let other: Key

    init() throws {
        bench = try StoreBench()
        key = try Key("key")
        other = try Key("other")
    }

    private func read(_ query: StoreQuery) async throws -> StoreListing {
        try await withCheckedThrowingContinuation { continuation in
            bench.ledger.read(query, limits: .none) { continuation.resume(with: $0) }
        }
    }

    /// A value and a lease change hands together: a list must not show them as of different commits.
    @Test func valuesAndLeasesOfAListAreOfOneCommit() async throws {
        var token: Token?
        for round in 0..<24 {
            if let held = token {
                let release = LeaseRequest.release(token: held)
                _ = try bench.ledger.perform(release, on: LeaseName(key), by: StoreBench.root, now: bench.clock.now())
                    .get()
                try bench.ask(.delete(key))
                token = nil
            } else {
                token = try bench.acquire(key)
                try bench.ask(.put(key, [UInt8(round)]))
            }
            try bench.ledger.commit()
            if round % 5 == 4 {
                _ = try bench.ledger.fold(limit: 1)
            }
            let kinds: [KeyKind] = token == nil ? [] : [.simple, .lease]
            guard case .trackedKeys(let keys) = try await read(.keys(prefix: [], after: nil, count: .max)),
                case .tracker(let tracker) = try await read(.tracker(key)),
                case .keys(let ring) = try await read(.range(low: 0, high: 0, after: nil, count: .max)),
                case .leases(let leases) = try await read(.leases(LeasePage())),
                case .entries(let entries) = try await read(.export([key], at: bench.clock.now()))
            else { throw UnexpectedListing() }
            #expect(keys == (token == nil ? [] : [ListedKey(key: key, kinds: kinds)]), "round \(round)")
            #expect(tracker?.kinds ?? [] == kinds, "round \(round)")
            #expect(ring == (token == nil ? [] : [key]), "round \(round)")
            #expect(leases.map(\.tenure.fence) == (token.map { [$0] } ?? []), "round \(round)")
            #expect(entries.map(\.lease?.token) == [token], "round \(round)")
            #expect(entries.map { $0.value != nil } == [token != nil], "round \(round)")
        }
    }

    @Test func aKeyThatHasALeaseAloneStandsWhereItsTrackerWillStand() async throws {
        try bench.ask(.put(other, []))
        try bench.acquire(key)
        try bench.ledger.commit()
        guard case .keys(let before) = try await read(.range(low: 0, high: 0, after: nil, count: .max)),
            case .tracker(let tracker) = try await read(.tracker(key))
        else { throw UnexpectedListing() }
        try bench.settle()
        guard case .keys(let after) = try await read(.range(low: 0, high: 0, after: nil, count: .max)),
            case .tracker(let folded) = try await read(.tracker(key))
        else { throw UnexpectedListing() }
        #expect(before == after)
        #expect(before.count == 2)
        #expect(tracker == folded)
    }

    @Test func aRenewalThatIsNotFoldedIsShown() async throws {
        let token = try #require(try bench.acquire(key, ttl: .min))
        try bench.settle()
        let renewal = LeaseRequest.renew(token: token, ttl: .max, request: nil)
        _ = try bench.ledger.perform(renewal, on: LeaseName(key), by: StoreBench.root, now: bench.clock.now()).get()
        try bench.ledger.commit()
        guard case .leases(let leases) = try await read(.leases(LeasePage())) else { throw UnexpectedListing() }
        #expect(leases.map(\.tenure.token) == bench.ledger.leases.tenures.values.map(\.token))
        #expect(leases.first?.tenure.token != token)
    }

    @Test func aTailThatDoesNotFollowFromTheTablesIsDamage() async throws {
        try bench.acquire(key)
        try bench.settle()
        let backwards = "UPDATE meta SET value = 0 WHERE name = 'folded_through'"
        try await bench.ledger.file.pool.writeWithoutTransaction { try $0.execute(sql: backwards) }
        await #expect(throws: StoreError.self) { _ = try await read(.tracker(key)) }
    }
}
