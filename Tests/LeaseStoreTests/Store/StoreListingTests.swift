import GRDB
import GRDBSQLite
import LeaseCore
import Testing

@testable import LeaseStore

@Suite struct StoreListingTests {
    private let folder: StoreFolder
    private let clock = ManualClock()
    private let caller = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)

    init() throws {
        folder = try StoreFolder()
    }

    private func open(_ keyHash: KeyHash = .xxh64) throws -> Ledger {
        var configuration = LedgerConfiguration()
        configuration.keyHash = keyHash
        return try Ledger(path: folder.store, configuration: configuration, clock: clock)
    }

    private func put(_ keys: [Key], in ledger: Ledger) throws {
        for key in keys {
            _ = try ledger.perform(.put(key, []), if: nil, by: caller, now: clock.now()).get()
        }
        try ledger.commit()
    }

    private func reading<Value>(
        _ ledger: Ledger,
        _ limits: ListLimits = .none,
        _ body: (StoreReader) throws -> Value
    ) throws -> Value {
        try ledger.file.pool.read {
            try body(StoreReader($0, keyHash: ledger.configuration.keyHash, limits: limits))
        }
    }

    // MARK: - The ring

    /// Hashes on both sides of 2^63 and at both ends, each of two keys.
    private static let hashes: [UInt64] = [0, 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, .max - 1, .max]
    private static let table = KeyHash(name: "table") { hashes[Int($0[0]) % hashes.count] }

    @Test func aRangeIsRightOverAllBitsByUnsignedHashThenKey() throws {
        let ledger = try open(Self.table)
        defer { ledger.abandon() }
        let keys = try (0..<16).map { try Key([UInt8($0)]) }
        try put(keys, in: ledger)
        var model = StoreModel()
        for key in keys { model.values[key] = [] }
        for low in Self.hashes {
            for high in Self.hashes {
                let found = try reading(ledger) { try $0.keys(low: low, high: high, after: nil, count: .max) }
                #expect(found == model.keys(after: low, through: high, by: Self.table), "(\(low), \(high)]")
                for count in [1, 2, 3] {
                    var paged: [Key] = []
                    while true {
                        let page = try reading(ledger) {
                            try $0.keys(low: low, high: high, after: paged.last, count: count)
                        }
                        paged += page
                        guard page.count == count else { break }
                    }
                    #expect(paged == found, "(\(low), \(high)] by \(count)")
                }
            }
        }
    }

    @Test func aPageGoesOnAfterAKeyThatIsGone() throws {
        let ledger = try open(Self.table)
        defer { ledger.abandon() }
        try put((0..<16).map { try Key([UInt8($0)]) }, in: ledger)
        let all = try reading(ledger) { try $0.keys(low: 0, high: 0, after: nil, count: .max) }
        _ = try ledger.perform(.removeKeys([all[5]]), if: nil, by: caller, now: clock.now()).get()
        try ledger.commit()
        #expect(try reading(ledger) { try $0.keys(low: 0, high: 0, after: all[5], count: 3) } == Array(all[6..<9]))
        let named = try reading(ledger) { try $0.trackedKeys(prefix: [], after: all[5], count: 2).map(\.key) }
        #expect(named == all.sorted().filter { $0 > all[5] }.prefix(2).map(\.self))
    }

    @Test func keysThatAllHaveOneHashAreListedByKeyAndPaged() throws {
        let ledger = try open(KeyHash(name: "constant") { _ in 1 << 63 })
        defer { ledger.abandon() }
        let keys = try (0..<50).map { try Key([UInt8($0), 0xFF]) }
        try put(keys.reversed(), in: ledger)
        #expect(try reading(ledger) { try $0.keys(low: 0, high: 0, after: nil, count: .max) } == keys)
        let page = try reading(ledger) { try $0.keys(low: 5, high: 1 << 63, after: keys[20], count: 7) }
        #expect(page == Array(keys[21..<28]))
        #expect(try reading(ledger) { try $0.keys(low: 1 << 63, high: 5, after: nil, count: .max) }.isEmpty)
        #expect(try reading(ledger) { try $0.keys(low: 1 << 63, high: .max, after: nil, count: .max) }.isEmpty)
        _ = try ledger.perform(.removeKeys(keys), if: nil, by: caller, now: clock.now()).get()
        try ledger.commit()
        #expect(try reading(ledger) { try $0.keys(low: 0, high: 0, after: nil, count: .max) }.isEmpty)
    }

    // MARK: - Prefixes

    @Test func aListByPrefixHoldsItsKeysAlone() throws {
        let ledger = try open()
        defer { ledger.abandon() }
        let bytes: [[UInt8]] = [[1], [2], [2, 0], [2, 0xFF], [2, 0xFF, 0xFF], [3], [0xFF], [0xFF, 0xFF]]
        let keys = try bytes.map { try Key($0) }
        try put(keys, in: ledger)
        func list(_ prefix: [UInt8], after: [UInt8]? = nil) throws -> [[UInt8]] {
            try reading(ledger) { reader in
                try reader.trackedKeys(prefix: prefix, after: after.map { try Key($0) }, count: .max).map(\.key.bytes)
            }
        }
        #expect(try list([]) == bytes)
        #expect(try list([2]) == Array(bytes[1...4]))
        #expect(try list([2], after: [1]) == Array(bytes[1...4]))
        #expect(try list([2], after: [2]) == Array(bytes[2...4]))
        #expect(try list([2], after: [2, 0xFE]) == Array(bytes[3...4]))
        #expect(try list([2], after: [3]).isEmpty)
        #expect(try list([0xFF]) == [[0xFF], [0xFF, 0xFF]])
        #expect(try list([4]).isEmpty)
    }

    // MARK: - Snapshots

    @Test func aListShowsTheLastCommitBeforeItWasAskedFor() async throws {
        let ledger = try open()
        defer { ledger.abandon() }
        let (first, second) = (try Key("first"), try Key("second"))
        try put([first], in: ledger)
        for _ in 0..<20 {
            let listing = try await withCheckedThrowingContinuation { continuation in
                let query = StoreQuery.keys(prefix: [], after: nil, count: .max)
                ledger.read(query, limits: .none) { continuation.resume(with: $0) }
                // While the list is read, or before.
                #expect(throws: Never.self) { try put([second], in: ledger) }
            }
            guard case .trackedKeys(let keys) = listing else { throw UnexpectedListing() }
            #expect(keys.map(\.key) == [first])
            _ = try ledger.perform(.delete(second), if: nil, by: caller, now: clock.now()).get()
            try ledger.commit()
        }
        await #expect(throws: LeaseError.self) {
            try await withCheckedThrowingContinuation { continuation in
                let query = StoreQuery.range(low: 0, high: 0, after: nil, count: .max)
                ledger.read(query, limits: ListLimits(elements: 0, bytes: 9)) { continuation.resume(with: $0) }
            }
        }
    }

    // MARK: - Limits

    @Test func aListOverItsLimitIsTooBigAndOneAtItIsNot() throws {
        let ledger = try open()
        defer { ledger.abandon() }
        let keys = try (0..<5).map { try Key([9, UInt8($0)]) }
        try put(keys, in: ledger)
        for child in keys {
            _ = try ledger.perform(.append(keys[0], child: child), if: nil, by: caller, now: clock.now()).get()
        }
        try ledger.commit()
        let queries: [StoreQuery] = [
            .children(of: keys[0], after: nil, count: .max), .keys(prefix: [9], after: nil, count: .max),
            .range(low: 0, high: 0, after: nil, count: .max), .export(Array(keys[1...]) + [keys[1]], at: clock.now()),
        ]
        for query in queries {
            let isExport = if case .export = query { true } else { false }
            // Each of these keys has an empty value, which an export counts.
            let (elements, bytes) = (isExport ? 10 : 5, 10)
            func code(_ limits: ListLimits) throws -> LeaseError.Code? {
                try reading(ledger, limits) { reader in
                    do {
                        _ = try reader.answer(to: query)
                        return nil
                    } catch let error as LeaseError {
                        return error.code
                    }
                }
            }
            #expect(try code(ListLimits(elements: elements, bytes: bytes)) == nil)
            #expect(try code(ListLimits(elements: elements - 1, bytes: bytes)) == .tooBig)
            #expect(try code(ListLimits(elements: elements, bytes: bytes - 1)) == .tooBig)
        }
    }

    // MARK: - Cost

    @Test(
        arguments: [
            StoreReader.children, StoreReader.allChildren, StoreReader.keysFrom, StoreReader.keysAfter,
            StoreReader.ring,
            StoreReader.trackerOfKey, StoreTables.valueOfKey, StoreTables.childOfKey, LeaseTable.selectOne,
        ]
    )
    func everyListIsASearchThroughAnIndex(sql: String) throws {
        let ledger = try open()
        defer { ledger.abandon() }
        try ledger.file.pool.read { database in
            let statement = try HeldStatement("EXPLAIN QUERY PLAN " + sql, on: database)
            defer { statement.finalize() }
            var plan: [String] = []
            try statement.forEach { plan.append($0.text(3) ?? "") }
            #expect(plan.allSatisfy { $0.hasPrefix("SEARCH") || $0.hasPrefix("CORRELATED") }, "\(plan)")
            #expect(!plan.isEmpty)
        }
    }

    @Test func aPageCostsTheSameInALargerStore() throws {
        let ledger = try open()
        defer { ledger.abandon() }
        func keys(_ group: UInt8, _ count: Int) throws -> [Key] {
            try (0..<count).map { try Key([group, UInt8($0 / 256), UInt8($0 % 256)]) }
        }
        func cost(_ body: (StoreReader) throws -> Int) throws -> Int {
            try ledger.file.pool.read { database in
                try StepCounter.count(on: database) {
                    let found = try body(StoreReader(database, keyHash: .xxh64, limits: .none))
                    #expect(found == 20)
                }
            }
        }
        func costs() throws -> [Int] {
            [
                try cost { try $0.trackedKeys(prefix: [5], after: nil, count: .max).count },
                try cost { try $0.trackedKeys(prefix: [], after: nil, count: 20).count },
                try cost { try $0.keys(low: 1 << 63, high: 0, after: nil, count: 20).count },
                try cost { try $0.keys(low: .max, high: .max, after: nil, count: 20).count },
                try cost { try $0.leases(LeasePage(prefix: [4], count: 20)).count },
                try cost { try $0.leases(LeasePage(after: LeaseName([4]), count: 20)).count },
                try cost { try $0.children(of: Key([5]), after: nil, count: 20).count },
            ]
        }
        func fill(_ group: UInt8, _ count: Int) throws {
            for key in try keys(group, count) {
                let request = LeaseRequest.acquire(ttl: .max, owner: .empty, request: nil)
                _ = try ledger.perform(request, on: LeaseName(key), by: caller, now: clock.now()).get()
                _ = try ledger.perform(.append(Key([5]), child: key), if: nil, by: caller, now: clock.now()).get()
            }
            try ledger.commit()
            while try ledger.fold(limit: 4096) {}
        }
        try put(keys(5, 19) + keys(4, 300) + keys(6, 300), in: ledger)
        try fill(4, 40)
        let small = try costs()
        try put(keys(3, 10_000) + keys(7, 10_000), in: ledger)
        try fill(8, 5000)
        #expect(try costs() == small)
    }
}

struct UnexpectedListing: Error {}

/// Counts the instructions of SQLite's virtual machine, which grow with each row that is looked at.
private final class StepCounter {
    private var steps = 0

    static func count(on database: Database, _ body: () throws -> Void) rethrows -> Int {
        let counter = StepCounter()
        let context = Unmanaged.passUnretained(counter).toOpaque()
        sqlite3_progress_handler(
            database.sqliteConnection,
            1,
            { context in
                if let context {
                    Unmanaged<StepCounter>.fromOpaque(context).takeUnretainedValue().steps += 1
                }
                return 0
            },
            context
        )
        defer { sqlite3_progress_handler(database.sqliteConnection, 0, nil, nil) }
        try body()
        return counter.steps
    }
}
