import GRDB
import LeaseCore
import Synchronization
import Testing

@testable import LeaseStore

@Suite struct StoreRequestTests {
    private let bench: StoreBench
    private let (key, other, child): (Key, Key, Key)

    init() throws {
        bench = try StoreBench()
        (key, other, child) = (try Key([0, 0xFF]), try Key("other"), try Key([0xC3, 0x28]))
    }

    // MARK: - Values and children

    @Test func anEmptyValueIsNotAbsent() throws {
        #expect(try bench.ask(.get(key)) == .value(nil))
        #expect(try bench.ask(.delete(key)) == .flag(false))
        try bench.ask(.put(key, []))
        #expect(try bench.ask(.get(key)) == .value([]))
        try bench.ledger.commit()
        try bench.restart()
        #expect(try bench.ask(.get(key)) == .value([]))
        #expect(try bench.ask(.delete(key)) == .flag(true))
        #expect(try bench.ask(.get(key)) == .value(nil))
        #expect(try bench.everything().isEmpty)
    }

    @Test func whatChangesNothingWritesNothing() throws {
        for request in [
            .get(key), .delete(key), .contains(key, child: child), .removeChild(key, child: child), .removeKeys([key]),
            .importEntries([StoreEntry(key: key)]), .importEntries([]),
        ] as [StoreRequest] {
            try bench.ask(request)
            #expect(!bench.ledger.hasBatch, "\(request)")
        }
    }

    @Test func aChildIsUnderAKeyOnceAndUnderAnyNumberOfKeys() throws {
        try bench.ask(.append(key, child: child))
        #expect(bench.refusal(.append(key, child: child)) == .exists)
        try bench.ask(.append(other, child: child))
        try bench.ask(.append(key, child: key))
        #expect(try bench.ask(.removeChild(key, child: child)) == .flag(true))
        #expect(try bench.ask(.removeChild(key, child: child)) == .flag(false))
        #expect(try bench.ask(.contains(key, child: child)) == .flag(false))
        #expect(try bench.ask(.contains(other, child: child)) == .flag(true))
        try bench.settle()
        #expect(try bench.read { try $0.children(of: key, after: nil, count: .max) } == [key])
    }

    @Test func anOperationOnOneKindNeverTouchesTheOthers() throws {
        func expect(_ kinds: [KeyKind]) throws {
            #expect(try bench.everything() == (kinds.isEmpty ? [:] : [key.description: kinds]))
        }
        try bench.ask(.put(key, [1]))
        try bench.ask(.append(key, child: child))
        let token = try #require(try bench.acquire(key))
        try expect([.simple, .prefix, .lease])
        try bench.ask(.delete(key))
        try expect([.prefix, .lease])
        try bench.ask(.put(key, []))
        try bench.ask(.removeChild(key, child: child))
        try expect([.simple, .lease])
        try bench.ask(.append(key, child: child))
        _ = try bench.ledger.perform(
            .release(token: token),
            on: LeaseName(key),
            by: StoreBench.root,
            now: bench.clock.now()
        ).get()
        try expect([.simple, .prefix])
        #expect(try bench.ask(.get(key)) == .value([]))
        #expect(try bench.ask(.contains(key, child: child)) == .flag(true))
        try bench.ask(.delete(key))
        try bench.ask(.removeChild(key, child: child))
        try expect([])
    }

    @Test func theHashIsComputedOnceAlsoWhenTheLeaseComesLater() throws {
        let hashes = HashCounter()
        var configuration = LedgerConfiguration()
        configuration.keyHash = KeyHash(name: "counting") { _ in hashes.next() }
        let bench = try StoreBench(configuration: configuration)
        try bench.ask(.put(key, []))
        try bench.ask(.append(key, child: child))
        try bench.acquire(key, ttl: .min)
        try bench.settle()
        try bench.ask(.put(key, [1]))
        try bench.settle()
        #expect(try bench.read { try $0.tracker(of: key) } == KeyTracker(hash: 1, kinds: [.simple, .prefix, .lease]))
        try bench.ask(.removeKeys([key]))
        try bench.settle()
        #expect(try bench.read { try $0.tracker(of: key) } == nil)
        try bench.ask(.put(key, []))
        try bench.settle()
        #expect(try bench.read { try $0.tracker(of: key) } == KeyTracker(hash: 2, kinds: [.simple]))
    }

    @Test func aTrackerGoesWithAnExpiredLease() throws {
        try bench.acquire(key, ttl: .min)
        #expect(try bench.everything().count == 1)
        bench.clock.advance(by: .seconds(1))
        #expect(try bench.everything().isEmpty)
    }

    // MARK: - Conditions

    @Test func everyWriteIsMadeOnlyUnderItsLease() throws {
        let requests: [StoreRequest] = [
            .put(key, [1]), .append(key, child: child), .delete(key), .removeChild(key, child: child),
            .removeKeys([key]), .importEntries([StoreEntry(key: key, value: [])]),
        ]
        let lease = try Key("lease")
        let name = LeaseName(lease)
        let token = try #require(try bench.acquire(lease, ttl: .min))
        let held = LeaseGuard(lease: name, token: token)
        let wrong = LeaseGuard(lease: name, token: .min)
        try bench.ledger.commit()
        for request in requests {
            #expect(bench.refusal(request, if: wrong) == .expired, "\(request)")
            #expect(!bench.ledger.hasBatch, "\(request)")
            #expect(bench.refusal(request, if: held, by: StoreBench.user) == nil, "\(request)")
            try bench.ledger.commit()
        }
        bench.clock.advance(by: .nanoseconds(999_999_999))
        #expect(bench.refusal(.put(key, [2]), if: held) == nil)
        bench.clock.advance(by: .nanoseconds(1))
        #expect(bench.refusal(.put(key, [3]), if: held) == .expired)
        // The refusal reveals the end, so the end becomes durable with it.
        try bench.ledger.commit()
        #expect(bench.ledger.leases[name] == nil)
        #expect(try bench.ask(.get(key)) == .value([2]))
    }

    @Test func aFailedConditionComesBeforeExists() throws {
        try bench.ask(.append(key, child: child))
        let wrong = LeaseGuard(lease: LeaseName(key), token: .min)
        #expect(bench.refusal(.append(key, child: child), if: wrong) == .expired)
    }

    // MARK: - Removing keys

    @Test func removedKeysLoseAllTheyHad() throws {
        let leased = try Key("leased")
        try bench.ask(.put(key, [1]))
        try bench.ask(.append(key, child: child))
        try bench.ask(.append(other, child: child))
        try bench.acquire(key)
        let token = try #require(try bench.acquire(leased))
        try bench.settle()
        let absent = try Key("absent")
        #expect(try bench.ask(.removeKeys([key, absent, leased, key])) == .removed(keys: 2, children: 1))
        #expect(try bench.everything() == ["other": [.prefix]])
        let check = LeaseRequest.check(token: token)
        let answer = bench.ledger.perform(check, on: LeaseName(leased), by: StoreBench.root, now: bench.clock.now())
        #expect(throws: LeaseError.self) { try answer.get() }
        let ends = try bench.ledger.file.pool.read { database in
            try String.fetchAll(
                database,
                sql: "SELECT DISTINCT reason FROM lease_journal WHERE event = 5 AND detail = 3"
            )
        }
        #expect(ends == ["removed"])
    }

    @Test func onlyAnAdministratorRemovesAKeyWhoseLeaseIsInForce() throws {
        try bench.ask(.put(other, [1]))
        try bench.acquire(key, ttl: .min, by: StoreBench.user)
        #expect(bench.refusal(.removeKeys([other, key]), by: StoreBench.user) == .denied)
        #expect(try bench.ask(.get(other)) == .value([1]))
        bench.clock.advance(by: .seconds(1))
        // Its time is over: there is no lease, and nothing but the other key to remove.
        #expect(try bench.ask(.removeKeys([other, key]), by: StoreBench.user) == .removed(keys: 1, children: 0))
        #expect(try bench.everything().isEmpty)
    }

    /// Nothing else is done during a removal, so its size has a limit.
    @Test func keysWithTooManyChildrenAreNotRemovedAtOnce() throws {
        var configuration = LedgerConfiguration()
        configuration.maximumRemovedChildren = 5
        let bench = try StoreBench(configuration: configuration)
        for (key, count) in [(key, 5), (other, 1)] {
            for number in 0..<count { try bench.ask(.append(key, child: Key("child \(number)"))) }
        }
        let before = try bench.everything()
        #expect(bench.refusal(.removeKeys([other, key])) == .tooBig)
        try bench.settle()
        #expect(try bench.everything() == before)
        #expect(try bench.ask(.removeKeys([key, key])) == .removed(keys: 1, children: 5))
        #expect(try bench.ask(.removeKeys([other])) == .removed(keys: 1, children: 1))
        #expect(try bench.everything().isEmpty)
    }

    // MARK: - The file's size

    /// A value that SQLite does not accept would make everything in the turn fail.
    @Test func aValueThatIsTooLongIsRefusedAloneInItsTurn() throws {
        var configuration = LedgerConfiguration()
        configuration.maximumValueBytes = 10
        let bench = try StoreBench(configuration: configuration)
        try bench.ask(.put(key, [UInt8](repeating: 1, count: 10)))
        #expect(bench.refusal(.put(key, [UInt8](repeating: 2, count: 11))) == .tooBig)
        let entry = StoreEntry(key: key, value: [UInt8](repeating: 2, count: 11))
        #expect(bench.refusal(.importEntries([StoreEntry(key: child, value: []), entry])) == .tooBig)
        try bench.ledger.commit()
        #expect(try bench.ask(.get(key)) == .value([UInt8](repeating: 1, count: 10)))
        #expect(try bench.ask(.get(child)) == .value(nil))
    }

    @Test func aFullFileTakesLeasesAndRemovalsAlone() throws {
        var configuration = LedgerConfiguration()
        configuration.maximumFileBytes = 1 << 20
        let bench = try StoreBench(configuration: configuration)
        var count = 0
        while bench.refusal(.put(try Key("key \(count)"), [UInt8](repeating: 1, count: 5000))) == nil {
            count += 1
            try #require(count < 1000)
        }
        #expect(count > 100)
        #expect(bench.refusal(.put(key, [])) == .busy)
        #expect(bench.refusal(.append(key, child: child)) == .busy)
        #expect(bench.refusal(.importEntries([StoreEntry(key: key, value: [])])) == .busy)
        try bench.acquire(key)
        try bench.ledger.commit()
        #expect(bench.refusal(.put(key, [])) == .busy)
        #expect(try bench.ask(.delete(Key("key 0"))) == .flag(true))
        let some = try (0..<50).map { try Key("key \($0)") }
        #expect(try bench.ask(.removeKeys(some)) == .removed(keys: 49, children: 0))
        #expect(bench.refusal(.put(key, [])) == nil)
        try bench.ledger.commit()
    }
}

@Suite struct StoreGrowthTests {
    /// The file's size is not read for each value, but at the limit it is.
    @Test(arguments: [20_000, 700_000], [1, 40])
    func aFileStopsGrowingAtItsLimit(bytes: Int, putsOfABatch: Int) throws {
        var configuration = LedgerConfiguration()
        configuration.maximumFileBytes = 16 << 20
        let bench = try StoreBench(configuration: configuration)
        var count = 0
        while bench.refusal(.put(try Key("key \(count)"), [UInt8](repeating: 1, count: bytes))) == nil {
            count += 1
            try #require(count < 1000)
            if count.isMultiple(of: putsOfABatch) {
                try bench.acquire(try Key("lease \(count)"))
                try bench.ledger.commit()
            }
        }
        try bench.ledger.commit()
        let size = bench.ledger.figures.usedBytes
        #expect(size >= configuration.maximumFileBytes)
        #expect(size < configuration.maximumFileBytes + Int64(bytes) + 64 * 4096)
        // A limit that is raised or lowered is in force at once.
        configuration.maximumFileBytes = 32 << 20
        bench.ledger.apply(configuration)
        #expect(bench.refusal(.put(try Key("one more"), [1])) == nil)
        configuration.maximumFileBytes = 1 << 20
        bench.ledger.apply(configuration)
        #expect(bench.refusal(.put(try Key("one more"), [1])) == .busy)
        try bench.ledger.commit()
    }
}

private final class HashCounter: Sendable {
    private let count = Mutex<UInt64>(0)

    func next() -> UInt64 {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}
