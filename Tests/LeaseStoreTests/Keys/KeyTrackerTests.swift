import Foundation
import GRDB
import LeaseCore
import Synchronization
import Testing

@testable import LeaseStore

@Suite struct KeyTrackerTests {
    private let folder: StoreFolder
    private let clock = ManualClock()
    private let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)

    init() throws {
        folder = try StoreFolder()
    }

    private func open(_ keyHash: KeyHash) throws -> Ledger {
        var configuration = LedgerConfiguration()
        configuration.keyHash = keyHash
        return try Ledger(path: folder.store, configuration: configuration, clock: clock)
    }

    private func fold(_ ledger: Ledger, by limit: Int = 100) throws {
        try ledger.commit()
        while try ledger.fold(limit: limit) {}
    }

    private func acquire(_ name: LeaseName, _ ledger: Ledger) throws {
        let request = LeaseRequest.acquire(ttl: .min, owner: .empty, request: nil)
        _ = try ledger.perform(request, on: name, by: caller, now: clock.now()).get()
    }

    private func revoke(_ name: LeaseName, _ ledger: Ledger) throws {
        _ = try ledger.perform(.revoke(after: nil, reason: .empty), on: name, by: caller, now: clock.now()).get()
    }

    private func column(_ sql: String, _ ledger: Ledger) throws -> [[UInt8]] {
        try ledger.file.pool.read { database in
            try Data.fetchAll(database, sql: sql).map { Array($0) }
        }
    }

    @Test(arguments: [51, 52] as [UInt64])
    func aTrackerIsThereExactlyWhileItsLeaseIs(seed: UInt64) throws {
        let ledger = try open(.xxh64)
        defer { ledger.abandon() }
        var workload = try Workload(seed: seed)
        for _ in 0..<60 {
            try workload.batch(on: ledger, clock: clock)
            try ledger.commit()
            _ = try ledger.fold(limit: Int.random(in: 1...5, using: &workload.generator))
            let leases = try column("SELECT name FROM leases ORDER BY name", ledger)
            #expect(try column("SELECT key FROM key_trackers ORDER BY key", ledger) == leases, "seed \(seed)")
        }
        try fold(ledger)
        let names = ledger.leases.tenures.keys.sorted().map(\.bytes)
        #expect(try column("SELECT key FROM key_trackers ORDER BY key", ledger) == names, "seed \(seed)")
    }

    @Test func theHashIsComputedOnceForATracker() throws {
        let calls = Mutex<[[UInt8]]>([])
        let ledger = try open(
            KeyHash(name: "counting") { key in
                calls.withLock { $0.append(key) }
                return 5
            }
        )
        defer { ledger.abandon() }
        let name = try LeaseName("job")
        try acquire(name, ledger)
        try fold(ledger)
        for _ in 0..<3 {
            let token = try #require(ledger.leases[name]).token
            let renewal = LeaseRequest.renew(token: token, ttl: .max, request: nil)
            _ = try ledger.perform(renewal, on: name, by: caller, now: clock.now()).get()
            try fold(ledger)
        }
        #expect(calls.withLock { $0 } == [name.bytes])
        // Ended and granted again: a new tracker, whether both are folded together or one after the other.
        try revoke(name, ledger)
        try acquire(name, ledger)
        try fold(ledger)
        #expect(calls.withLock { $0 } == [name.bytes, name.bytes])
        try revoke(name, ledger)
        try fold(ledger)
        try acquire(name, ledger)
        try fold(ledger)
        #expect(calls.withLock { $0 } == [name.bytes, name.bytes, name.bytes])
    }

    @Test func aTrackerThatHasOtherKindsOutlivesItsLease() throws {
        let ledger = try open(.xxh64)
        defer { ledger.abandon() }
        let name = try LeaseName("job")
        try acquire(name, ledger)
        try fold(ledger)
        try ledger.file.pool.write { try $0.execute(sql: "UPDATE key_trackers SET kinds = kinds | 1") }
        try revoke(name, ledger)
        try fold(ledger)
        let kinds = try ledger.file.pool.read { try Int.fetchAll($0, sql: "SELECT kinds FROM key_trackers") }
        #expect(kinds == [1])
    }

    @Test func storedHashesOrderAsUnsigned() throws {
        let hashes: [UInt64] = [0, 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, .max - 1, .max]
        let ledger = try open(KeyHash(name: "table") { hashes[Int($0[0])] })
        defer { ledger.abandon() }
        for index in hashes.indices.reversed() {
            try acquire(LeaseName([UInt8(index)]), ledger)
        }
        try fold(ledger)
        let byHash = try column("SELECT key FROM key_trackers ORDER BY hash", ledger)
        #expect(byHash == hashes.indices.map { [UInt8($0)] })
        let low = try ledger.file.pool.read {
            try Int64.fetchAll($0, sql: "SELECT hash FROM key_trackers ORDER BY hash")
        }
        #expect(low.first == .min && low.last == .max)
    }

    @Test func keysWithOneHashEachHaveTheirTracker() throws {
        let ledger = try open(KeyHash(name: "constant") { _ in 42 })
        defer { ledger.abandon() }
        let names = try (0..<20).map { try LeaseName([UInt8($0), 0xFF]) }
        for name in names {
            try acquire(name, ledger)
        }
        try fold(ledger, by: 3)
        try revoke(names[7], ledger)
        try fold(ledger, by: 3)
        let keys = try column("SELECT key FROM key_trackers ORDER BY hash, key", ledger)
        #expect(keys == names.filter { $0 != names[7] }.map(\.bytes))
    }
}
