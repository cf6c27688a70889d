import Foundation
import GRDB
import LeaseCore
import TestSupport
import Testing

@testable import LeaseStore

/// Random histories compared with a model in plain dictionaries, through every list, across crashes and refused
/// commits.
///
/// `LEASED_SEED=n swift test --filter StoreModelTests` replays one.
@Suite struct StoreModelTests {
    private static let seeds: [UInt64] =
        ProcessInfo.processInfo.environment["LEASED_SEED"].flatMap(UInt64.init).map { [$0] }
        ?? [71, 72, 73, .random(in: 1000...999_999)]

    private let folder: StoreFolder
    private let copy: StoreFolder
    private let clock = ManualClock()

    init() throws {
        folder = try StoreFolder()
        copy = try StoreFolder()
    }

    /// Named for its hashes on both sides of 2^63, with some keys sharing one.
    private static let keyHash = KeyHash(name: "test") { key in
        XXH64.hash(key) % 7 < 2 ? 1 << 63 : XXH64.hash(key)
    }

    private func configuration() -> LedgerConfiguration {
        var configuration = LedgerConfiguration()
        // With a limit, the children of removed keys are counted.
        configuration.maximumRemovedChildren = 1_000_000
        configuration.keyHash = Self.keyHash
        return configuration
    }

    @Test(arguments: seeds)
    func everyAnswerAndListIsTheModels(seed: UInt64) throws {
        print("StoreModelTests: LEASED_SEED=\(seed)")
        let ledger = try Ledger(path: folder.store, configuration: configuration(), clock: clock)
        defer { ledger.abandon() }
        var workload = try StoreWorkload(seed: seed)
        for round in 0..<60 {
            for _ in 0..<Int.random(in: 1...12, using: &workload.generator) {
                try workload.ask(ledger, clock: clock)
            }
            try ledger.commit()
            if workload.generator.oneIn(3) {
                _ = try ledger.fold(limit: Int.random(in: 1...9, using: &workload.generator))
            }
            if round % 6 == 5 {
                try expectLists(of: ledger, &workload, "LEASED_SEED=\(seed), round \(round)")
            }
            if round % 4 == 3 {
                try copy.write(folder.image())
                let state = LedgerState(ledger).started(at: clock.now())
                let again = try Ledger(path: copy.store, configuration: configuration(), clock: clock)
                defer { again.abandon() }
                #expect(LedgerState(again) == state, "LEASED_SEED=\(seed), round \(round)")
                try expectTables(of: again, workload.model, "LEASED_SEED=\(seed), copy of round \(round)")
            }
        }
    }

    /// Ends what is due, as before a list, and compares everything, with a random part of the journal folded.
    private func expectLists(of ledger: Ledger, _ workload: inout StoreWorkload, _ place: Comment) throws {
        let now = clock.now()
        _ = ledger.expire(now: now, limit: .max)
        try ledger.commit()
        if workload.generator.oneIn(4) {
            while try ledger.fold(limit: 100) {}
        }
        workload.model.leases = workload.model.leases.filter { $0.value.end > now.boot }
        let model = workload.model
        try expectTables(of: ledger, model, place)
        let (tracked, all) = try ledger.file.pool.read { database in
            let reader = StoreReader(database, keyHash: Self.keyHash, limits: .none)
            return (
                try reader.trackedKeys(prefix: [], after: nil, count: .max),
                try reader.keys(low: 0, high: 0, after: nil, count: .max)
            )
        }
        #expect(tracked.map(\.key) == model.keys, place)
        #expect(tracked.map(\.kinds) == model.keys.map { model.kinds(of: $0) }, place)
        #expect(all == model.keys(after: 0, through: 0, by: Self.keyHash), place)
        try expectPages(of: ledger, &workload, place)
        let entries = try ledger.file.pool.read { database in
            try StoreReader(database, keyHash: Self.keyHash, limits: .none).entries(of: workload.keys, at: now)
        }
        for entry in entries {
            #expect(entry.value == model.values[entry.key], place)
            #expect(entry.children == (model.children[entry.key] ?? []).sorted(), place)
            let lease = model.leases[entry.key]
            #expect(entry.lease?.token == lease?.token && entry.lease?.fence == lease?.fence, place)
        }
    }

    /// Pages with random bounds.
    private func expectPages(of ledger: Ledger, _ workload: inout StoreWorkload, _ place: Comment) throws {
        let model = workload.model
        for _ in 0..<8 {
            let prefix = workload.generator.oneIn(2) ? [] : [UInt8(workload.generator.oneIn(2) ? 0 : 1)]
            let after = workload.generator.oneIn(2) ? nil : workload.keys.randomElement(using: &workload.generator)
            let count = Int.random(in: 0...5, using: &workload.generator)
            let (low, high) = (UInt64.random(in: 0 ... .max, using: &workload.generator), UInt64(1) << 63)
            try ledger.file.pool.read { database in
                let reader = StoreReader(database, keyHash: Self.keyHash, limits: .none)
                let named = model.keys.filter { key in key.bytes.starts(with: prefix) && after.map { $0 < key } ?? true
                }
                let listed = try reader.trackedKeys(prefix: prefix, after: after, count: count)
                #expect(listed.map(\.key) == Array(named.prefix(count)), place)
                let page = LeasePage(prefix: prefix, after: after.map { LeaseName($0) }, count: count)
                let held = named.filter { model.leases[$0] != nil }
                #expect(try reader.leases(page).map { Key($0.name) } == Array(held.prefix(count)), place)
                for (low, high) in [(low, high), (high, low)] {
                    let ring = model.keys(after: low, through: high, by: Self.keyHash)
                    #expect(
                        try reader.keys(low: low, high: high, after: nil, count: count) == Array(ring.prefix(count)),
                        place
                    )
                }
            }
        }
    }

    /// What a restart does not change: values and children.
    private func expectTables(of ledger: Ledger, _ model: StoreModel, _ place: Comment) throws {
        let (values, children) = try ledger.file.pool.read { database in
            let sql = """
                SELECT key, coalesce(l.value, e.value) AS value
                FROM simple_entries e LEFT JOIN large_values l ON l.id = large
                """
            let values = try Row.fetchAll(database, sql: sql)
                .map { (try Key(Array($0["key"] as Data)), Array($0["value"] as Data)) }
            // Each large value belongs to one key, and there are no others.
            let large = try Int64.fetchAll(database, sql: "SELECT id FROM large_values ORDER BY id")
            let named = "SELECT large FROM simple_entries WHERE large IS NOT NULL ORDER BY large"
            #expect(try Int64.fetchAll(database, sql: named) == large, place)
            #expect(large.count == values.filter { $0.1.count > StoreTables.longestBeside }.count, place)
            let children = try Row.fetchAll(database, sql: "SELECT prefix, child FROM prefix_entries")
                .map { (try Key(Array($0["prefix"] as Data)), try Key(Array($0["child"] as Data))) }
            return (values, children)
        }
        #expect(Dictionary(uniqueKeysWithValues: values) == model.values, place)
        let sets = Dictionary(grouping: children, by: \.0).mapValues { Set($0.map(\.1)) }
        #expect(sets == model.children.filter { !$0.value.isEmpty }, place)
    }
}
