import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

/// What watchers are told of a batch, and when.
@Suite struct LedgerAnnouncingTests {
    private let bench: StoreBench
    private let (a, b): (Key, Key)

    init() throws {
        bench = try StoreBench()
        (a, b) = try (Key("a"), Key("b"))
        bench.ledger.isWatched = true
    }

    /// The announcements since the last call, as `lease event` words.
    private func told() -> [String] {
        bench.ledger.takeAnnouncements().map { announcement in
            switch announcement.event {
            case .acquired: "\(announcement.name) acquired"
            case .released: "\(announcement.name) released"
            case .expired: "\(announcement.name) expired"
            case .overdue: "\(announcement.name) overdue"
            case .lost: "\(announcement.name) lost"
            case .revoking(let reason, let after): "\(announcement.name) revoking \(reason) \(after)"
            case .revoked(let reason): "\(announcement.name) revoked \(reason)"
            }
        }
    }

    private func ask(_ request: LeaseRequest, on key: Key) throws {
        _ = try bench.ledger.perform(request, on: LeaseName(key), by: StoreBench.root, now: bench.clock.now()).get()
    }

    @Test func nothingIsToldBeforeItsCommitAndAllOfItAfterwardsOnce() throws {
        let fence = try #require(try bench.acquire(a))
        try ask(.release(token: fence), on: a)
        try bench.acquire(b)
        try bench.acquire(a)
        #expect(told() == [])
        try bench.ledger.commit()
        #expect(told() == ["a acquired", "a released", "b acquired", "a acquired"])
        #expect(told() == [])
        try bench.ledger.commit()
        #expect(told() == [])
    }

    @Test func announcementTellsTenureOwnerAndTime() throws {
        let now = bench.clock.now()
        let owner = try Label("me")
        let ttl = try TTL(.seconds(5))
        try ask(.acquire(ttl: ttl, owner: owner, request: nil), on: a)
        try bench.ledger.commit()
        let first = try #require(bench.ledger.takeAnnouncements().first)
        #expect(first.owner == owner && first.at == now.wall && first.event == .acquired(ttl: ttl))
        try ask(.renew(token: first.fence, ttl: ttl, request: nil), on: a)
        bench.clock.advance(by: .seconds(5))
        #expect(!bench.ledger.expire(now: bench.clock.now(), limit: 10))
        try bench.ledger.commit()
        let last = bench.ledger.takeAnnouncements()
        #expect(last.map(\.event) == [.expired], "a renewal is not told")
        #expect(last.first?.fence == first.fence && last.first?.owner == owner)
        #expect(last.first?.at == bench.clock.now().wall)
    }

    @Test func endByTimeComesBeforeTheGrantThatFoundIt() throws {
        try bench.acquire(a, ttl: TTL(.seconds(1)))
        bench.clock.advance(by: .seconds(1))
        try bench.acquire(a)
        try bench.ledger.commit()
        #expect(told() == ["a acquired", "a expired", "a acquired"])
    }

    @Test func revocationIsToldWhenItBeginsAndWhenItEnds() throws {
        try bench.acquire(a)
        try bench.acquire(b)
        try ask(.revoke(after: .seconds(2), reason: Label("why")), on: a)
        try ask(.revoke(after: nil, reason: .empty), on: b)
        try bench.ledger.commit()
        #expect(told() == ["a acquired", "b acquired", "a revoking why 2.0 seconds", "b revoked "])
        bench.clock.advance(by: .seconds(2))
        #expect(!bench.ledger.expire(now: bench.clock.now(), limit: 10))
        try bench.ledger.commit()
        #expect(told() == ["a revoked why"])
    }

    @Test func removedKeyIsTold() throws {
        try bench.acquire(a)
        try bench.ask(.put(a, [1]))
        try bench.ask(.put(b, [1]))
        try bench.ask(.removeKeys([a, b]))
        try bench.ledger.commit()
        #expect(told() == ["a acquired", "a revoked removed"])
    }

    @Test func importedLeaseIsToldUnlessItsTenureIsThereAlready() throws {
        let lease = EntryLease(
            token: try #require(Token(rawValue: 70)),
            expiresAt: bench.clock.now().wall.advanced(by: .seconds(60))
        )
        var entry = StoreEntry(key: a)
        entry.lease = lease
        try bench.ask(.importEntries([entry]))
        try bench.ledger.commit()
        #expect(told() == ["a acquired"])
        try bench.ask(.importEntries([entry]))
        try bench.ledger.commit()
        #expect(told() == [])
    }

    @Test func refusedBatchTellsNothing() throws {
        let folder = try StoreFolder()
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        let bench = try StoreBench(in: folder)
        bench.ledger.isWatched = true
        try bench.acquire(b)
        disk.fail { $0.call == .write ? ResultCode.SQLITE_FULL.rawValue : nil }
        #expect(throws: CommitFailure.self) { try bench.ledger.commit() }
        disk.fail(nil)
        #expect(bench.ledger.takeAnnouncements() == [])
        try bench.acquire(a)
        try bench.ledger.commit()
        #expect(bench.ledger.takeAnnouncements().map(\.name) == [LeaseName(a)])
    }

    @Test func nobodyIsToldOfWhatWasBeforeTheyWatched() throws {
        bench.ledger.isWatched = false
        try bench.acquire(a)
        try bench.ledger.commit()
        bench.ledger.isWatched = true
        try bench.acquire(b)
        try bench.ledger.commit()
        #expect(told() == ["b acquired"])
        // Announcements not taken when watching ends are not kept for the next watcher.
        try ask(.revoke(after: nil, reason: .empty), on: a)
        try bench.ledger.commit()
        bench.ledger.isWatched = false
        try ask(.revoke(after: nil, reason: .empty), on: b)
        try bench.ledger.commit()
        bench.ledger.isWatched = true
        #expect(told() == [])
        // Nor if nothing happens meanwhile.
        try bench.acquire(a)
        try bench.ledger.commit()
        bench.ledger.isWatched = false
        bench.ledger.isWatched = true
        #expect(told() == [])
    }
}
