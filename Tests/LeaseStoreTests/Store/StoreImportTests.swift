import LeaseCore
import Testing

@testable import LeaseStore

@Suite struct StoreImportTests {
    private let bench: StoreBench
    private let odd: [Key]

    init() throws {
        bench = try StoreBench()
        odd = try [[0], [0, 0], [0xFF, 0xFE], [0xC3, 0x28], Array("ключ".utf8)].map { try Key($0) }
    }

    private func lease(_ number: Int64, after duration: Duration, fence: Int64? = nil) throws -> EntryLease {
        EntryLease(
            token: try #require(Token(rawValue: number)),
            expiresAt: bench.clock.now().wall.advanced(by: duration),
            fence: try fence.map { try #require(Token(rawValue: $0)) }
        )
    }

    @Test func whatIsExportedAndImportedElsewhereIsTheSame() throws {
        let values: [[UInt8]] = [[], [0], [0, 0xFF, 0], [0xC3, 0x28], [UInt8](repeating: 0, count: 100_000)]
        for (key, value) in zip(odd, values) {
            try bench.ask(.put(key, value))
        }
        for child in odd {
            try bench.ask(.append(odd[1], child: child))
        }
        let fence = try #require(try bench.acquire(odd[2], ttl: TTL(.seconds(90)), by: StoreBench.user))
        bench.clock.advance(by: .seconds(10))
        let renewal = LeaseRequest.renew(token: fence, ttl: try TTL(.seconds(60)), request: nil)
        let name = LeaseName(odd[2])
        _ = try bench.ledger.perform(renewal, on: name, by: StoreBench.user, now: bench.clock.now()).get()
        try bench.settle()
        let nothing = try Key("nothing")
        let entries = try bench.entries(of: odd + [nothing])
        #expect(entries.map(\.value) == values + [nil])
        #expect(entries[1].children == odd.sorted())
        #expect(entries[2].lease?.fence == fence && entries[2].lease?.uid == 1000)
        #expect(entries[2].lease?.ttl?.duration == .seconds(60))
        #expect(entries.last == StoreEntry(key: nothing))

        let other = try StoreBench()
        other.clock.advance(by: .seconds(10))
        try other.ask(.importEntries(entries))
        try other.settle()
        #expect(try other.entries(of: odd + [nothing]) == entries)
        // Again, over itself: existing children are not an error, and the fence is the same.
        try other.ask(.importEntries(entries))
        try other.settle()
        #expect(try other.entries(of: odd + [nothing]) == entries)
        try other.restart()
        #expect(try other.entries(of: odd + [nothing]) == entries)
    }

    /// Imported leases count against the limits as granted ones do.
    @Test func whoAdministersSomeLeasesImportsUpToTheLimitsOfUsers() throws {
        let rule = AccessRule(.allow, .user(1000), [.admin, .write], prefix: Array("job".utf8), label: "rule 1")
        let access = Access([rule], uid: 1000)
        let scoped = Caller(uid: 1000, gid: 1, pid: 1, isAdministrator: false, access: access)
        let clock = bench.clock
        func refusal(of uids: [UInt32], by caller: Caller) throws -> LeaseError.Code? {
            let folder = try StoreFolder()
            var configuration = LedgerConfiguration()
            configuration.leaseQuota.total = 6
            configuration.leaseQuota.reservedForAdministrators = 2
            configuration.leaseQuota.perUser = 3
            let ledger = try Ledger(path: folder.store, configuration: configuration, clock: clock)
            defer { ledger.abandon() }
            let acquire = LeaseRequest.acquire(ttl: .max, owner: .empty, request: nil)
            _ = try ledger.perform(acquire, on: LeaseName("job"), by: scoped, now: clock.now()).get()
            let entries = try uids.enumerated().map { index, uid in
                var lease = try lease(100, after: .seconds(60))
                lease.uid = uid
                return StoreEntry(key: try Key("job\(index)"), lease: lease)
            }
            let answer = ledger.perform(.importEntries(entries), if: nil, by: caller, now: clock.now())
            #expect(ledger.leases.count == ((try? answer.get()) == nil ? 1 : 1 + uids.count), "all or none")
            guard case .failure(let error) = answer else { return nil }
            return error.code
        }
        let administrator = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)
        // The user already has one.
        #expect(try refusal(of: [1000, 1000, 1], by: scoped) == nil)
        #expect(try refusal(of: [1000, 1000, 1000], by: scoped) == .busy)
        #expect(try refusal(of: [1000, 1000, 1, 1], by: scoped) == .busy, "the reserve")
        #expect(try refusal(of: [1000, 1000, 1000, 1000, 1000], by: administrator) == nil)
        #expect(try refusal(of: [1, 2, 3, 4, 5, 6], by: administrator) == .busy)
    }

    @Test func anExportFollowsAStepOfTheWallClock() throws {
        try bench.acquire(odd[0], ttl: TTL(.seconds(60)))
        bench.clock.stepWall(by: .seconds(1000))
        try bench.settle()
        let end = try bench.entries(of: [odd[0]])[0].lease?.expiresAt
        #expect(end == bench.clock.now().wall.advanced(by: .seconds(60)))
    }

    /// The two clocks are read one after the other, so the wall clock is ahead by slightly less, or more, each time.
    @Test(arguments: [-3, -1, 0, 1, 3]) func whatIsImportedAndExportedEndsAtTheSameMillisecond(noise: Int) throws {
        let entry = StoreEntry(key: odd[0], lease: try lease(5, after: .milliseconds(60_000)))
        try bench.ask(.importEntries([entry]))
        bench.clock.advance(by: .microseconds(1_234_567))
        bench.clock.stepWall(by: .microseconds(noise))
        try bench.settle()
        #expect(try bench.entries(of: [odd[0]])[0].lease?.expiresAt == entry.lease?.expiresAt)
    }

    /// A tenure that is past its end, but not yet recorded as ended, counts for its old user; its replacement counts
    /// for the new one.
    @Test func whatReplacesAnothersTenureCountsForItsNewUser() throws {
        let rule = AccessRule(.allow, .user(1000), [.admin, .write], prefix: [], label: "rule 1")
        let scoped = Caller(uid: 1000, gid: 1, pid: 1, isAdministrator: false, access: Access([rule], uid: 1000))
        var configuration = LedgerConfiguration()
        configuration.leaseQuota.perUser = 1
        let folder = try StoreFolder()
        let ledger = try Ledger(path: folder.store, configuration: configuration, clock: bench.clock)
        defer { ledger.abandon() }
        let entries = try odd[..<2].map { key in
            var lease = try lease(100, after: .seconds(60))
            lease.uid = 7
            return StoreEntry(key: key, lease: lease)
        }
        let acquire = LeaseRequest.acquire(ttl: .min, owner: .empty, request: nil)
        for (uid, key) in zip([1, 2] as [UInt32], odd) {
            let user = Caller(uid: uid, gid: 1, pid: 1, isAdministrator: false)
            _ = try ledger.perform(acquire, on: LeaseName(key), by: user, now: bench.clock.now()).get()
        }
        bench.clock.advance(by: .seconds(1))
        func code(_ entries: [StoreEntry]) -> LeaseError.Code? {
            let answer = ledger.perform(.importEntries(entries), if: nil, by: scoped, now: bench.clock.now())
            guard case .failure(let error) = answer else { return nil }
            return error.code
        }
        #expect(code(entries) == .busy)
        // Of two entries for a key only the second one's user keeps it.
        var second = entries[0]
        second.lease?.uid = 8
        #expect(code([entries[0], second, entries[1]]) == nil)
        #expect(code([entries[0]]) == .busy)
    }

    @Test func anEntryOverwritesTheValueAndAddsItsChildren() throws {
        try bench.ask(.put(odd[0], [1]))
        try bench.ask(.append(odd[0], child: odd[1]))
        try bench.ask(.importEntries([StoreEntry(key: odd[0], children: [odd[2], odd[1], odd[2]])]))
        #expect(try bench.ask(.get(odd[0])) == .value([1]))
        try bench.ask(.importEntries([StoreEntry(key: odd[0], value: [])]))
        try bench.settle()
        #expect(try bench.entries(of: [odd[0]]) == [StoreEntry(key: odd[0], value: [], children: [odd[1], odd[2]])])
        // An entry with no content makes no key.
        try bench.ask(.importEntries([StoreEntry(key: odd[3])]))
        #expect(try bench.everything().count == 1)
    }

    @Test func oneRefusedEntryRefusesAllOfThem() throws {
        let held = try #require(try bench.acquire(odd[0]))
        try bench.ledger.commit()
        let value = StoreEntry(key: odd[1], value: [1], children: [odd[2]])
        let past = StoreEntry(key: odd[4], lease: try lease(1 << 52, after: .seconds(-1)))
        let free = StoreEntry(key: odd[3], lease: try lease(1 << 51, after: .seconds(30)))
        let last = bench.ledger.tokens
        let refused: [(StoreEntry, LeaseError.Code)] = [
            (StoreEntry(key: odd[0], lease: try lease(held.rawValue + 1, after: .seconds(30))), .conflict),
            (StoreEntry(key: odd[2], lease: try lease(1 << 52 + 1, after: .seconds(30))), .invalidRequest),
            (StoreEntry(key: odd[2], lease: try lease(5, after: .seconds(30), fence: 6)), .invalidRequest),
            // This one conflicts with another entry of the same import.
            (StoreEntry(key: odd[3], lease: try lease(7, after: .seconds(30))), .conflict),
        ]
        for (entry, code) in refused {
            #expect(bench.refusal(.importEntries([value, past, free, entry])) == code)
            #expect(!bench.ledger.hasBatch && bench.ledger.tokens == last)
        }
        #expect(bench.refusal(.importEntries([value, past]), by: StoreBench.user) == .denied)
        #expect(bench.refusal(.importEntries([value]), by: StoreBench.user) == nil)
        #expect(try bench.everything() == [odd[0].description: [.lease], odd[1].description: [.simple, .prefix]])
    }

    @Test(arguments: [1, 1000]) func everyImportedTokenRaisesTheLastOneForGood(slice: Int) throws {
        let high = try #require(Token(rawValue: 1 << 51))
        try bench.ask(
            .importEntries([
                StoreEntry(key: odd[0], lease: try lease(high.rawValue, after: .zero)),
                StoreEntry(key: odd[1], lease: try lease(5, after: .seconds(30))),
            ])
        )
        try bench.ledger.commit()
        #expect(bench.ledger.tokens.last == high)
        #expect(bench.ledger.leases[LeaseName(odd[0])] == nil)
        // A lower one that comes later takes nothing back, in the journal and in the tables.
        try bench.ask(.importEntries([StoreEntry(key: odd[2], lease: try lease(7, after: .seconds(30)))]))
        try bench.ask(.removeKeys(odd))
        try bench.ledger.commit()
        try bench.restart()
        #expect(bench.ledger.tokens.last == high)
        while try bench.ledger.fold(limit: slice) {}
        try bench.restart()
        #expect(bench.ledger.tokens.last == high)
        #expect(try #require(try bench.acquire(odd[0])) > high)
    }

    @Test func anImportedTenureIsRenewedAndReleasedByItsUser() throws {
        var entry = StoreEntry(key: odd[0], lease: try lease(100, after: .seconds(30), fence: 90))
        entry.lease?.uid = 1000
        try bench.ask(.importEntries([entry]))
        let name = LeaseName(odd[0])
        let guards = try [90, 100].map { LeaseGuard(lease: name, token: try #require(Token(rawValue: $0))) }
        for condition in guards {
            #expect(bench.refusal(.put(odd[1], []), if: condition) == nil)
        }
        let renewal = LeaseRequest.renew(token: guards[1].token, ttl: .max, request: nil)
        _ = try bench.ledger.perform(renewal, on: name, by: StoreBench.user, now: bench.clock.now()).get()
        try bench.ledger.commit()
        try bench.restart()
        #expect(bench.ledger.leases[name]?.fence == guards[0].token)
        #expect(bench.refusal(.put(odd[1], []), if: guards[1]) == .expired)
    }

    @Test func anImportOverATenureThatHasEndedIsJournaledInThatOrder() throws {
        let old = try #require(try bench.acquire(odd[0], ttl: .min))
        bench.clock.advance(by: .seconds(1))
        try bench.ask(.importEntries([StoreEntry(key: odd[0], lease: try lease(100, after: .seconds(30)))]))
        try bench.ledger.commit()
        try bench.restart()
        #expect(bench.ledger.leases[LeaseName(odd[0])]?.fence.rawValue == 100)
        #expect(try #require(try bench.acquire(odd[1])) > old)
    }
}
