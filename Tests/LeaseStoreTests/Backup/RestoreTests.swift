import Foundation
import GRDB
import GRDBSQLite
import LeaseCore
import Synchronization
import Testing

@testable import LeaseStore

/// `LeaseStore.restore(_:to:)`: afterwards the store has the backup's state, with times and tokens adjusted, or is
/// unchanged.
@Suite struct RestoreTests {
    private let bench: StoreBench
    private let folder: StoreFolder
    private let clock: ManualClock
    private var backup: String { folder.path + "/backup" }
    private let key: Key

    init() throws {
        bench = try StoreBench()
        clock = bench.clock
        folder = try StoreFolder()
        key = try Key("key")
    }

    private func restore(minimumToken: Token? = nil) throws -> RestoreReport {
        try LeaseStore.restore(backup, to: folder.store, minimumToken: minimumToken, clock: clock)
    }

    private func code(_ body: () throws -> Void) -> StoreError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? StoreError)?.code
        }
    }

    /// Opens the store at the path, calls `body`, and closes the store.
    private func look<Value>(_ body: (Ledger) throws -> Value) throws -> Value {
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        defer { ledger.abandon() }
        return try body(ledger)
    }

    private func value(_ ledger: Ledger) throws -> StoreAnswer {
        try ledger.perform(.get(key), if: nil, by: StoreBench.root, now: clock.now()).get()
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    /// Makes a store in this folder with a different value and token, and closes it as `leaving` says.
    private func makeOld(_ leaving: (Ledger) throws -> Void) throws {
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        _ = try ledger.perform(.put(key, Array("old".utf8)), if: nil, by: StoreBench.root, now: clock.now()).get()
        try ledger.commit()
        try leaving(ledger)
    }

    // MARK: - What is restored

    @Test func tokensGoOnAboveThoseOfTheStoreThatIsReplaced() throws {
        try bench.ask(.put(key, [1]))
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        clock.stepWall(by: .seconds(30 * 86_400))
        var issued: Token?
        try makeOld { ledger in
            issued = try ledger.issueToken(now: clock.now())
            try ledger.commit()
            ledger.abandon()
        }
        clock.stepWall(by: .seconds(-30 * 86_400))
        let report = try restore()
        #expect(try report.lastToken >= #require(issued))
    }

    @Test func aStoreWithAKeyHashOfItsOwnComesBackWithIt() throws {
        var configuration = LedgerConfiguration()
        configuration.keyHash = KeyHash(name: "length") { UInt64($0.count) }
        let bench = try StoreBench(configuration: configuration)
        try bench.ask(.put(key, [1]))
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        #expect(code { _ = try restore() } == .hashChanged)
        _ = try LeaseStore.restore(backup, to: folder.store, keyHash: configuration.keyHash, clock: clock)
        let ledger = try Ledger(path: folder.store, configuration: configuration, clock: clock)
        defer { ledger.abandon() }
        #expect(try value(ledger) == .value([1]))
    }

    @Test func everyKindComesBackAndTokensGoOn() throws {
        let child = try Key([0, 0xFF])
        try bench.ask(.put(key, []))
        try bench.ask(.append(key, child: child))
        let token = try #require(try bench.acquire(key, ttl: TTL(.seconds(60))))
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        clock.advance(by: .seconds(20))
        let report = try restore()
        #expect(report.tenuresKept == 1 && report.tenuresDropped == 0 && report.tenuresExpired == 0)
        #expect(report.lastTokenOfBackup == token)
        #expect(report.lastToken.rawValue == clock.now().wall.microseconds)
        #expect(report.replaced == nil)
        #expect(try names() == ["backup", "store.db", "store.db.lock"])
        try look { ledger in
            let tenure = try #require(ledger.leases[LeaseName(key)])
            #expect(tenure.fence == token && tenure.holder == bench.ledger.leases[LeaseName(key)]?.holder)
            // As after a reboot, the remaining time comes from the wall clock.
            #expect(tenure.remaining(at: clock.now().boot) == .seconds(40))
            #expect(try ledger.issueToken(now: clock.now()) > report.lastToken)
            #expect(try value(ledger) == .value([]))
            let reader = try ledger.file.pool.read {
                try StoreReader($0, keyHash: .xxh64, limits: .none).tracker(of: key)
            }
            #expect(reader?.kinds == [.simple, .prefix, .lease])
        }
    }

    /// Backups are kept for long, so they may come from an earlier release.
    @Test func aBackupOfAnEarlierReleaseComesBack() throws {
        try bench.ask(.put(key, [1]))
        let token = try bench.acquire(key, ttl: TTL(.seconds(60)))
        try bench.ledger.commit()
        while try bench.ledger.fold(limit: 100) {}
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        let queue = try DatabaseQueue(path: backup)
        try queue.write { database in
            try database.execute(sql: "ALTER TABLE leases DROP COLUMN revoker")
            try database.execute(
                sql: """
                    DROP TRIGGER large_value_is_replaced;
                    DROP TRIGGER large_value_is_removed;
                    DROP TABLE large_values;
                    ALTER TABLE simple_entries DROP COLUMN large;
                    """
            )
            try database.execute(sql: "DELETE FROM grdb_migrations WHERE identifier > '4'")
        }
        try queue.close()
        let report = try restore()
        #expect(report.tenuresKept == 1 && report.lastTokenOfBackup == token)
        #expect(try look { $0.leases[LeaseName(key)]?.fence } == token)
        #expect(try look { try value($0) } == .value([1]))
    }

    @Test func aTenureWhoseTimeIsOverIsNotGivenTimeByTheNextStart() throws {
        try bench.acquire(key, ttl: TTL(.seconds(60)))
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        clock.advance(by: .seconds(60))
        let report = try restore()
        #expect(report.tenuresKept == 0 && report.tenuresExpired == 1)
        #expect(try look { $0.leases.count } == 0)
    }

    @Test func whatHungOnAConnectionIsOverAndWhatGoesByTimeGoesOn() throws {
        func grant(_ name: String, binds: Bool = false) throws -> Token {
            let request = LeaseRequest.acquire(ttl: .max, owner: .empty, request: nil, binds: binds)
            let caller = StoreBench.root
            let answer = try bench.ledger.perform(request, on: LeaseName(name), by: caller, now: clock.now()).get()
            guard case .token(let token) = answer else { throw UnexpectedListing() }
            return token
        }
        _ = try grant("by time")
        _ = try grant("bound", binds: true)
        let tied = LeaseRequest.tie(token: try grant("tied"))
        _ = try bench.ledger.perform(tied, on: LeaseName("tied"), by: StoreBench.root, now: clock.now()).get()
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        clock.advance(by: .seconds(1))
        let report = try restore()
        #expect(report.tenuresKept == 1 && report.tenuresDropped == 2 && report.tenuresExpired == 0)
        #expect(try look { $0.leases.tenures.keys.map(\.description) } == ["by time"])
        let causes = try look { ledger in
            try ledger.file.pool.read {
                try Int64.fetchAll($0, sql: "SELECT detail FROM lease_journal WHERE event = 5")
            }
        }
        #expect(causes == [TenureEnd.Cause.lost.rawValue, TenureEnd.Cause.lost.rawValue])
    }

    @Test func anotherBootsDeadlinesAreRebased() throws {
        try bench.acquire(key, ttl: TTL(.seconds(60)))
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        clock.reboot()
        clock.stepWall(by: .seconds(45))
        _ = try restore()
        #expect(try look { $0.leases[LeaseName(key)]?.remaining(at: clock.now().boot) } == .seconds(15))
    }

    @Test func historyIsLeftToTheDaemon() throws {
        let token = try #require(try bench.acquire(key))
        let release = LeaseRequest.release(token: token)
        _ = try bench.ledger.perform(release, on: LeaseName(key), by: StoreBench.root, now: clock.now()).get()
        try bench.settle()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        clock.advance(by: .seconds(400 * 86_400))
        _ = try restore()
        #expect(try look { $0.historyCount } == 2)
    }

    // MARK: - Tokens

    @Test func tokensAheadOfTheWallNeedAMinimum() throws {
        try bench.acquire(key)
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        clock.stepWall(by: .seconds(-3600))
        let own = try #require(bench.ledger.tokens.last)
        #expect(code { _ = try restore() } == .tokensAhead)
        #expect(try names() == ["backup", "store.db.lock"])
        let low = try #require(Token(rawValue: 5))
        #expect(try restore(minimumToken: low).lastToken == own)
        let high = try #require(Token(rawValue: own.rawValue + 1000))
        #expect(try restore(minimumToken: high).lastToken == high)
        #expect(try look { try $0.issueToken(now: clock.now()) }.rawValue == high.rawValue + 1)
        let tooHigh = try #require(Token(rawValue: EntryLease.highestToken + 1))
        #expect(code { _ = try restore(minimumToken: tooHigh) } == .tokensAhead)
    }

    @Test func aBrokenWallClockDoesNotUseUpTheTokens() throws {
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        clock.stepWall(by: .seconds(200 * 366 * 86_400))
        let minimum = try #require(Token(rawValue: 77))
        #expect(try restore(minimumToken: minimum).lastToken == minimum)
    }

    // MARK: - The store that was there

    @Test(arguments: [false, true]) func theStoreThatWasThereIsKeptWhole(isKilled: Bool) throws {
        try makeOld { isKilled ? $0.abandon() : try $0.close() }
        try bench.ask(.put(key, Array("new".utf8)))
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        let report = try restore()
        let replaced = try #require(report.replaced)
        #expect(replaced.hasPrefix(folder.store + ".before-restore-20231114T"))
        #expect(try look { try value($0) } == .value(Array("new".utf8)))
        let old = try Ledger(path: replaced, configuration: LedgerConfiguration(), clock: clock)
        defer { old.abandon() }
        #expect(try value(old) == .value(Array("old".utf8)))
        // Repeated in the same second.
        #expect(try restore().replaced == replaced + "-2")
    }

    /// A killed daemon's WAL is beside the store and cannot be checkpointed; SQLite would replay it into the restored
    /// file.
    @Test func aLogThatCannotBeCarriedOverGoesWithItsStore() throws {
        let live = try StoreFolder()
        let ledger = try Ledger(path: live.store, configuration: LedgerConfiguration(), clock: clock)
        _ = try ledger.perform(.put(key, Array("old".utf8)), if: nil, by: StoreBench.root, now: clock.now()).get()
        try ledger.commit()
        let image = try live.image()
        ledger.abandon()
        #expect(image.frames > 0)
        try folder.write(image)
        try bench.ask(.put(key, Array("new".utf8)))
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        disk.fail { $0.call == .write && $0.file == "store.db" ? SQLITE_FULL : nil }
        let replaced = try #require(try restore().replaced)
        disk.fail(nil)
        #expect(try folder.bytes(of: replaced + "-wal") == image.log)
        #expect(try look { try value($0) } == .value(Array("new".utf8)))
        let old = try Ledger(path: replaced, configuration: LedgerConfiguration(), clock: clock)
        defer { old.abandon() }
        #expect(try value(old) == .value(Array("old".utf8)))
    }

    @Test func aStoreInUseIsNotReplaced() throws {
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        defer { ledger.abandon() }
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        let before = try names()
        #expect(code { _ = try restore() } == .locked)
        #expect(try names() == before)
    }

    @Test func aStoreInUseUnderAnotherNameIsNotReplaced() throws {
        try makeOld { try $0.close() }
        let elsewhere = try StoreFolder()
        try FileManager.default.createSymbolicLink(atPath: elsewhere.store, withDestinationPath: folder.store)
        let ledger = try Ledger(path: elsewhere.store, configuration: LedgerConfiguration(), clock: clock)
        defer { ledger.abandon() }
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        #expect(code { _ = try restore() } == .locked)
    }

    /// An administrator has copied the backup over the store.
    @Test func aBackupInTheStoresPlaceIsRestoredThere() throws {
        try bench.ask(.put(key, Array("new".utf8)))
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: folder.store)
        let report = try LeaseStore.restore(folder.store, to: folder.store, clock: clock)
        #expect(try look { try value($0) } == .value(Array("new".utf8)))
        let replaced = try #require(report.replaced)
        #expect(code { _ = try LeaseStore.restore(replaced, to: folder.store, clock: clock) } == nil)
    }

    // MARK: - What is no backup

    @Test func aStoreIsNoBackup() throws {
        try bench.ledger.close()
        defer { try? bench.restart() }
        #expect(
            code { _ = try LeaseStore.restore(bench.folder.store, to: folder.store, clock: clock) } == .notABackup
        )
        #expect(try names() == ["store.db.lock"])
    }

    /// The backup's pages are overwritten one at a time; none of the results becomes a store.
    @Test func aDamagedBackupChangesNothing() throws {
        for number in 0..<200 {
            let key = try Key("key \(number)")
            try bench.ask(.put(key, [UInt8](repeating: 1, count: 200)))
            try bench.ask(.append(key, child: key))
            try bench.acquire(key)
        }
        try bench.settle()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        // Past the tokens, which ran ahead of a clock that stands still.
        clock.advance(by: .seconds(1))
        try makeOld { try $0.close() }
        let (whole, old) = (try folder.bytes(of: backup), try folder.bytes(of: folder.store))
        let pages = whole.count / StoreImage.pageSize
        #expect(pages > 10)
        for page in 0..<pages {
            var bytes = whole
            // The head of a page gives its type and the place of its cells.
            let start = page * StoreImage.pageSize
            bytes.replaceSubrange(start..<start + 16, with: [UInt8](repeating: 0x5A, count: 16))
            try Data(bytes).write(to: URL(fileURLWithPath: backup))
            let found = code { _ = try restore() }
            #expect(found == .damaged || found == .notAStore, "page \(page)")
            #expect(try folder.bytes(of: folder.store) == old, "page \(page)")
        }
        try Data(whole.prefix(whole.count / 2)).write(to: URL(fileURLWithPath: backup))
        #expect(code { _ = try restore() } == .damaged)
        #expect(try names() == ["backup", "store.db", "store.db.lock"])
    }

    @Test func anotherHashAndANewerReleaseAreRefused() throws {
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        func change(_ sql: String) throws {
            let queue = try DatabaseQueue(path: backup)
            try queue.write { try $0.execute(sql: sql) }
            try queue.close()
        }
        try change("UPDATE meta SET value = 'other' WHERE name = 'key_hash'")
        #expect(code { _ = try restore() } == .hashChanged)
        try change("UPDATE meta SET value = 'xxh64' WHERE name = 'key_hash'")
        try change("INSERT INTO grdb_migrations VALUES ('9 future')")
        #expect(code { _ = try restore() } == .newerSchema)
        #expect(code { _ = try LeaseStore.restore(folder.path + "/none", to: folder.store, clock: clock) } == .missing)
        #expect(try names() == ["backup", "store.db.lock"])
    }

    // MARK: - A full disk

    /// Every write and every sync of the restore fails once; whatever the outcome, a whole store is there.
    @Test func aFailingDiskLeavesTheOldStoreOrTheRestoredOne() throws {
        try bench.ask(.put(key, Array("new".utf8)))
        try bench.acquire(key)
        try bench.ledger.commit()
        try LeaseStore.backup(of: bench.folder.store, to: backup)
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        var failures = 0
        for number in 0... {
            disk.fail(nil)
            for name in try names() where name != "backup" {
                try FileManager.default.removeItem(atPath: folder.path + "/" + name)
            }
            try makeOld { try $0.close() }
            let countdown = Countdown(number)
            disk.fail { $0.call == .write || $0.call == .sync ? countdown.strike() : nil }
            let found = code { _ = try restore() }
            disk.fail(nil)
            let expected = found == nil ? "new" : "old"
            #expect(try look { try value($0) } == .value(Array(expected.utf8)), "operation \(number): \(found as Any)")
            if found != nil {
                #expect(try names() == ["backup", "store.db", "store.db.lock"], "operation \(number)")
                failures += 1
            }
            if !countdown.hasStruck { break }
        }
        #expect(failures > 10)
    }
}

/// Fails one operation, chosen by its number, as a full disk does.
private final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) {
        left = Mutex(count)
    }

    var hasStruck: Bool { left.withLock { $0 < 0 } }

    func strike() -> Int32? {
        left.withLock { left in
            left -= 1
            return left == -1 ? SQLITE_FULL : nil
        }
    }
}
