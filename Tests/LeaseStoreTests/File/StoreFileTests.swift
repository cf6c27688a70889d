import Foundation
import GRDB
import Glibc
import LeaseCore
import TestSupport
import Testing

@testable import LeaseStore

/// Refused openings leave every byte as it was, name the path and say what to do.
@Suite struct StoreFileTests {
    private let folder: StoreFolder
    private let clock = ManualClock()

    init() throws {
        folder = try StoreFolder()
    }

    private func open(_ path: String? = nil, keyHash: KeyHash = .xxh64) throws -> Ledger {
        var configuration = LedgerConfiguration()
        configuration.keyHash = keyHash
        return try Ledger(path: path ?? folder.store, configuration: configuration, clock: clock)
    }

    /// Makes a store with some leases, all in the file, without a WAL.
    private func makeStore(seed: UInt64 = 1) throws -> LedgerState {
        let ledger = try open()
        var workload = try Workload(seed: seed)
        for _ in 0..<30 {
            try workload.batch(on: ledger, clock: clock)
            try ledger.commit()
        }
        let state = LedgerState(ledger)
        try ledger.close()
        return state
    }

    /// Empties the file of a store whose WAL has content; returns what both held before.
    private func emptyStoreBesideItsLog() throws -> StoreImage {
        let ledger = try open()
        _ = try ledger.issueToken(now: clock.now())
        try ledger.commit()
        let image = try folder.image()
        ledger.abandon()
        try folder.write(StoreImage(database: [], log: image.log))
        return image
    }

    private func refusal(of path: String? = nil, keyHash: KeyHash = .xxh64) -> StoreError? {
        do {
            try open(path, keyHash: keyHash).abandon()
            return nil
        } catch {
            return error as? StoreError
        }
    }

    private func expectRefusal(_ code: StoreError.Code, _ words: String, keyHash: KeyHash = .xxh64) throws {
        let before = try folder.bytes(of: folder.store)
        for _ in 0..<2 {
            // Twice, since a refused opening must release its lock.
            let refusal = refusal(keyHash: keyHash)
            #expect(refusal?.code == code, "\(refusal.debugDescription)")
            #expect(refusal?.message.contains(folder.store) == true)
            #expect(refusal?.message.contains(words) == true, "\(refusal?.message ?? "")")
        }
        #expect(try folder.bytes(of: folder.store) == before)
    }

    // MARK: - Names

    /// Unless the path is absolute, SQLite takes `file:` for a URI, and `:memory:` for a database without a file.
    @Test func aPathIsAbsoluteAndWithoutLinksBeforeAnythingIsOpened() throws {
        for name in ["file:store.db?mode=memory", ":memory:", "store.db"] {
            #expect(resolvedPath(name) == FileManager.default.currentDirectoryPath + "/" + name)
        }
        let state = try makeStore()
        let elsewhere = try StoreFolder()
        #expect(symlink(folder.store, elsewhere.store) == 0)
        #expect(resolvedPath(elsewhere.store) == folder.store)
        let ledger = try open(elsewhere.store)
        #expect(ledger.tokens.last == state.lastToken)
        #expect(ledger.figures.path == folder.store)
        #expect(refusal()?.message.contains("pid \(getpid())") == true)
        ledger.abandon()
    }

    /// The WAL is beside the file, not beside the link.
    @Test func throughALinkTooAnEmptyFileWithALogIsDamaged() throws {
        let image = try emptyStoreBesideItsLog()
        let elsewhere = try StoreFolder()
        #expect(symlink(folder.store, elsewhere.store) == 0)
        #expect(refusal(of: elsewhere.store)?.code == .damaged)
        #expect(try folder.image().log == image.log)
    }

    // MARK: - What is no store

    @Test(arguments: [20, 600, 4096, 20_000])
    func aFileThatIsNoDatabaseIsRefusedAndUntouched(size: Int) throws {
        let text = Array("Dear diary, nothing happened today. ".utf8)
        let bytes = (0..<size).map { text[$0 % text.count] }
        try Data(bytes).write(to: URL(fileURLWithPath: folder.store))
        try expectRefusal(.notAStore, "name another file")
    }

    @Test(arguments: ["DELETE", "WAL"])
    func anotherProgramsDatabaseIsRefusedAndUntouched(mode: String) throws {
        let other = try DatabaseQueue(path: folder.store)
        try other.writeWithoutTransaction { database in
            try database.execute(
                sql: "PRAGMA journal_mode = \(mode); CREATE TABLE notes (text); INSERT INTO notes VALUES (1)"
            )
        }
        try other.close()
        try expectRefusal(.notAStore, "name another file")
    }

    @Test func aDatabaseWithAnotherApplicationsIDIsRefused() throws {
        _ = try makeStore()
        let other = try DatabaseQueue(path: folder.store)
        try other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA application_id = 1") }
        try other.close()
        try expectRefusal(.notAStore, "something else")
    }

    @Test func aFolderOrADeviceIsRefused() throws {
        try FileManager.default.createDirectory(atPath: folder.store, withIntermediateDirectories: false)
        for _ in 0..<2 {
            let refusal = refusal()
            #expect(refusal?.code == .notAStore)
            #expect(refusal?.message.contains(folder.store) == true)
        }
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/null", withDestinationPath: "/dev/null")
        #expect(refusal(of: folder.path + "/null")?.code == .notAStore)
    }

    @Test func aFolderThatCannotBeMadeIsRefused() throws {
        try Data([1]).write(to: URL(fileURLWithPath: folder.path + "/file"))
        let path = folder.path + "/file/deep/store.db"
        let refusal = refusal(of: path)
        #expect(refusal?.code == .cannotCreate)
        #expect(refusal?.message.contains(folder.path + "/file") == true)
    }

    @Test func aMissingFolderIsMadeForItsOwnerAlone() throws {
        let path = folder.path + "/a/b/store.db"
        try open(path).close()
        for (file, mode) in [("/a/b", 0o700), ("/a/b/store.db", 0o600), ("/a/b/store.db.lock", 0o600)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + file)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == mode, "\(file)")
        }
    }

    @Test func anEmptyFileBecomesAStore() throws {
        try Data().write(to: URL(fileURLWithPath: folder.store))
        #expect(refusal() == nil)
    }

    @Test func anEmptiedFileBesideItsLogIsDamaged() throws {
        let image = try emptyStoreBesideItsLog()
        try expectRefusal(.damaged, "restore a backup")
        #expect(try folder.image().log == image.log)
        // A missing file is refused, too.
        try FileManager.default.removeItem(atPath: folder.store)
        #expect { try open() } throws: { ($0 as? StoreError)?.code == .damaged }
        #expect(!FileManager.default.fileExists(atPath: folder.store))
        #expect(try folder.bytes(of: folder.store + "-wal") == image.log)
    }

    // MARK: - Another release, another hash

    @Test func aNewerReleasesStoreIsRefusedAndUntouched() throws {
        _ = try makeStore()
        let newer = try DatabaseQueue(path: folder.store)
        try newer.writeWithoutTransaction { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99 times')") }
        try newer.close()
        try expectRefusal(.newerSchema, "run that release")
    }

    @Test func anotherKeyHashIsRefusedAndTheStoresOwnIsNot() throws {
        let state = try makeStore()
        let other = KeyHash(name: "fnv") { _ in 7 }
        try expectRefusal(.hashChanged, "'xxh64'", keyHash: other)
        #expect(try LedgerState(openingIn: folder, clock: clock) == state.started(at: clock.now()))
    }

    @Test func aFileThatWasMadeAndNeverFilledTakesAnyHash() throws {
        try Data().write(to: URL(fileURLWithPath: folder.store))
        try open(keyHash: KeyHash(name: "mine") { _ in 7 }).close()
        try expectRefusal(.hashChanged, "'mine'")
    }

    // MARK: - Damage

    @Test(arguments: [41, 42, 43] as [UInt64])
    func aPageOfGarbageIsFoundOrHarmless(seed: UInt64) throws {
        let state = try makeStore(seed: seed).started(at: clock.now())
        let image = try folder.image()
        var generator = SeededGenerator(seed: seed)
        var found = 0
        for page in 0..<(image.database.count / StoreImage.pageSize) {
            var damaged = image
            let start = page * StoreImage.pageSize
            for offset in start..<start + StoreImage.pageSize {
                damaged.database[offset] = UInt8.random(in: 0...255, using: &generator)
            }
            try folder.write(damaged)
            let place = "seed \(seed), page \(page)"
            do {
                let opened = try open()
                #expect(LedgerState(opened) == state, "\(place)")
                opened.abandon()
            } catch {
                found += 1
                let code = (error as? StoreError)?.code
                #expect(code == .damaged || code == .notAStore && page == 0, "\(place): \(error)")
                #expect(try folder.bytes(of: folder.store) == damaged.database, "\(place)")
            }
        }
        #expect(found >= 5, "seed \(seed)")
    }

    @Test(arguments: [
        "DELETE FROM lease_journal WHERE seq = 3",
        "UPDATE lease_journal SET seq = 1000000 WHERE seq = (SELECT max(seq) FROM lease_journal)",
        "UPDATE lease_journal SET event = 77 WHERE seq = 2",
        "UPDATE lease_journal SET token = 0, fence = 0 WHERE seq = 1",
        "UPDATE lease_journal SET name = x'' WHERE seq = 1",
        "UPDATE lease_journal SET ttl_ms = 1 WHERE seq = 1",
        "UPDATE lease_journal SET fence = fence + 1 WHERE seq = 2",
        "UPDATE lease_journal SET event = 1, uid = 0, gid = 0, pid = 0, owner = '' WHERE seq = 2",
    ])
    func aJournalThatMakesNoSenseIsDamaged(change: String) throws {
        let ledger = try open()
        let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)
        let name = try LeaseName("job")
        for _ in 0..<3 {
            if let held = ledger.leases[name] {
                let renewal = LeaseRequest.renew(token: held.token, ttl: .max, request: nil)
                _ = try ledger.perform(renewal, on: name, by: caller, now: clock.now()).get()
            } else {
                let acquire = LeaseRequest.acquire(ttl: .max, owner: .empty, request: nil)
                _ = try ledger.perform(acquire, on: name, by: caller, now: clock.now()).get()
            }
            try ledger.commit()
        }
        _ = try ledger.issueToken(now: clock.now())
        try ledger.commit()
        ledger.abandon()
        let other = try DatabaseQueue(path: folder.store)
        try other.writeWithoutTransaction { try $0.execute(sql: change) }
        try other.close()
        let before = try rows()
        for _ in 0..<2 {
            let refusal = refusal()
            #expect(refusal?.code == .damaged)
            #expect(refusal?.message.contains("restore a backup") == true)
        }
        #expect(try rows() == before)
    }

    /// Every row of every table of the store.
    private func rows() throws -> [Row] {
        let store = try DatabaseQueue(path: folder.store)
        defer { try? store.close() }
        return try store.read { database in
            try ["meta", "lease_journal", "leases", "key_trackers"].flatMap {
                try Row.fetchAll(database, sql: "SELECT * FROM \($0)")
            }
        }
    }

    // MARK: - One at a time

    @Test func aSecondOpeningInTheSameProcessIsRefusedWithItsPID() throws {
        let ledger = try open()
        let refusal = refusal()
        #expect(refusal?.code == .locked)
        #expect(refusal?.message.contains("pid \(getpid())") == true)
        #expect(refusal?.message.contains(folder.store) == true)
        try ledger.close()
    }

    /// A link or another name has a different lock file beside it.
    @Test(arguments: [true, false])
    func aStoreThatIsOpenIsRefusedByEveryNameThatItHas(isSymbolic: Bool) throws {
        let ledger = try open()
        let other = folder.path + "/other"
        if isSymbolic {
            try FileManager.default.createSymbolicLink(atPath: other, withDestinationPath: folder.store)
        } else {
            try FileManager.default.linkItem(atPath: folder.store, toPath: other)
        }
        let refusal = #expect(throws: StoreError.self) {
            try Ledger(path: other, configuration: LedgerConfiguration(), clock: ManualClock())
        }
        #expect(refusal?.code == .locked)
        // A link leads to the same lock file.
        #expect(refusal?.message.contains(isSymbolic ? "in use by the process" : "by another name") == true)
        // After the close, either may open it.
        try ledger.close()
        let again = try Ledger(path: other, configuration: LedgerConfiguration(), clock: ManualClock())
        #expect(self.refusal()?.code == .locked)
        try again.close()
        #expect(self.refusal() == nil)
    }

    @Test func anOpeningWhileAnotherProcessHasTheLockNamesItsPID() throws {
        let other = Process()
        other.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        // The process reports that it has the lock, and keeps it until its input ends.
        other.arguments = [folder.store + ".lock", "sh", "-c", "echo 4711 > '\(folder.store).lock'; echo; cat"]
        let (input, output) = (Pipe(), Pipe())
        other.standardInput = input
        other.standardOutput = output
        try other.run()
        _ = output.fileHandleForReading.readData(ofLength: 1)
        let refusal = refusal()
        #expect(refusal?.code == .locked)
        #expect(refusal?.message.contains("pid 4711") == true)
        #expect(!FileManager.default.fileExists(atPath: folder.store))
        try input.fileHandleForWriting.close()
        other.waitUntilExit()
        #expect(self.refusal() == nil)
    }

    @Test func aClosedStoreIsFreeAtOnce() throws {
        let first = try open()
        try first.close()
        let second = try open()
        second.abandon()
        let third = try open()
        third.abandon()
        // All three are still there; only the file is gone from them.
        withExtendedLifetime((first, second, third)) {}
    }

    @Test func aRefusedOpeningLeavesNoFileOpen() throws {
        _ = try makeStore()
        let damaged = try DatabaseQueue(path: folder.store)
        try damaged.writeWithoutTransaction { database in
            try database.execute(sql: "UPDATE meta SET value = 'x' WHERE name = 'last_token'")
            try database.execute(sql: "UPDATE leases SET renewals = 0, token = 0")
        }
        try damaged.close()
        #expect(refusal()?.code == .damaged)
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        let open = descriptors.compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        #expect(open.filter { $0.hasPrefix(folder.path) } == [])
    }

    // MARK: - What is in force

    @Test func everyCommitIsSynced() throws {
        let ledger = try open()
        defer { ledger.abandon() }
        let pragmas = try ledger.file.pool.writeWithoutTransaction { database in
            try ["synchronous", "wal_autocheckpoint"].map { try Int.fetchOne(database, sql: "PRAGMA \($0)") }
        }
        #expect(pragmas == [2, 0])
        let mode = try ledger.file.pool.writeWithoutTransaction {
            try String.fetchOne($0, sql: "PRAGMA journal_mode")
        }
        #expect(mode == "wal")
    }

    @Test func everyTableIsStrictAndKeyedByWhatItIsButForTheJournalAndLargeValues() throws {
        let ledger = try open()
        defer { ledger.abandon() }
        try ledger.file.pool.read { database in
            let tables = try String.fetchAll(
                database,
                sql: "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'grdb%'"
            )
            #expect(tables.count == 7)
            for table in tables {
                #expect(!table.contains("AUTOINCREMENT"))
                #expect(table.contains("STRICT"))
                // A value may be large, and is not read during a search for another key.
                let hasRows = table.contains("lease_journal") || table.contains("large_values")
                #expect(table.contains("WITHOUT ROWID") != hasRows)
            }
            #expect(try Int32.fetchOne(database, sql: "PRAGMA application_id") == 0x4C53_4544)
            #expect(
                try Bool.fetchOne(
                    database,
                    sql: "SELECT count(*) = 0 FROM sqlite_schema WHERE name = 'sqlite_sequence'"
                ) == true
            )
        }
    }
}
