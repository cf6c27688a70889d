import CLinux
import Foundation
import GRDB
import Glibc
import LeaseCore
import Testing

@testable import LeaseStore

/// `LeaseStore.backup(of:to:)`: a whole copy of a file that is in use, or nothing.
@Suite struct BackupTests {
    private let bench: StoreBench
    private let folder: StoreFolder
    private var file: String { folder.path + "/backup" }

    init() throws {
        bench = try StoreBench()
        folder = try StoreFolder()
    }

    private func code(_ body: () throws -> Void) -> StoreError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? StoreError)?.code
        }
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func aBackupOfALiveStoreIsItsLastCommitInOneFile() throws {
        let key = try Key("key")
        try bench.ask(.put(key, [1, 0, 0xFF]))
        try bench.acquire(key)
        try bench.ledger.commit()
        // Neither folded nor in the file: everything is in the WAL.
        try bench.ask(.put(key, [2]))
        try LeaseStore.backup(of: bench.folder.store, to: file)
        try bench.ledger.commit()
        #expect(try names() == ["backup"])
        var information = stat()
        #expect(stat(file, &information) == 0 && information.st_mode & 0o777 == 0o600)
        let copy = try StoreCopy(of: file)
        defer { copy.close() }
        let now = bench.clock.now()
        let entries = try copy.read { try StoreReader($0, keyHash: .xxh64, limits: .none).entries(of: [key], at: now) }
        #expect(entries.first?.value == [1, 0, 0xFF])
        #expect(entries.first?.lease?.token == bench.ledger.tokens.last)
        let mode = try copy.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
        #expect(mode == "delete")
    }

    /// A commit comes at each step of the copy; without a snapshot SQLite would start the copy again each time.
    @Test func aStoreThatIsWrittenAllTheTimeIsCopiedAsOfOneCommit() throws {
        let keys = try (0..<3000).map { try Key("key \($0)") }
        func write(_ round: UInt8) throws {
            for key in keys { try bench.ask(.put(key, [UInt8](repeating: round, count: 2000))) }
            try bench.ledger.commit()
        }
        try write(0)
        var steps = 0
        var copied = 0
        try LeaseStore.backup(of: bench.folder.store, to: file) { pages, total in
            steps += 1
            // The copy never starts again.
            #expect(pages > copied && pages <= total)
            copied = pages
            #expect(throws: Never.self) { try write(UInt8(steps)) }
        }
        #expect(steps > 1)
        let copy = try StoreCopy(of: file)
        defer { copy.close() }
        let values = try copy.read { try Data.fetchAll($0, sql: "SELECT DISTINCT value FROM large_values") }
        #expect(values.map { $0.first } == [0])
        #expect(try copy.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
    }

    @Test func noStoreOpensABackup() async throws {
        try LeaseStore.backup(of: bench.folder.store, to: file)
        let before = try folder.bytes(of: file)
        await #expect { _ = try await LeaseStore.open(path: file) } throws: { error in
            (error as? StoreError)?.code == .isBackup && "\(error)".contains("leased --restore \(file)")
        }
        #expect(try folder.bytes(of: file) == before)
    }

    @Test func aFileThatIsThereIsReplacedOnlyWhenAsked() throws {
        try Data("mine".utf8).write(to: URL(fileURLWithPath: file))
        #expect(code { try LeaseStore.backup(of: bench.folder.store, to: file) } == .exists)
        #expect(try folder.bytes(of: file) == Array("mine".utf8))
        try LeaseStore.backup(of: bench.folder.store, to: file, replacing: true)
        let copy = try StoreCopy(of: file)
        copy.close()
        #expect(try names() == ["backup"])
    }

    /// The file appears while the copy is under way.
    @Test func aFileThatComesInBetweenIsNotReplaced() throws {
        #expect(
            code {
                try LeaseStore.backup(of: bench.folder.store, to: file) { _, _ in
                    try? Data("mine".utf8).write(to: URL(fileURLWithPath: file))
                }
            } == .exists
        )
        #expect(try folder.bytes(of: file) == Array("mine".utf8))
        #expect(try names() == ["backup"])
    }

    @Test func theStoreIsNeverReplacedByItsBackup() throws {
        let store = bench.folder.store
        #expect(code { try LeaseStore.backup(of: store, to: store, replacing: true) } == .exists)
        let second = bench.folder.path + "/second"
        #expect(link(store, second) == 0)
        #expect(code { try LeaseStore.backup(of: store, to: second, replacing: true) } == .exists)
        #expect(code { try LeaseStore.backup(of: store, to: folder.path, replacing: true) } == .exists)
        try bench.ask(.put(Key("a"), []))
        try bench.ledger.commit()
    }

    @Test func aStoreInUseIsNotReplacedByABackup() throws {
        let other = try StoreFolder()
        let ledger = try Ledger(path: other.store, configuration: LedgerConfiguration(), clock: bench.clock)
        defer { ledger.abandon() }
        let before = try folder.bytes(of: other.store)
        #expect(code { try LeaseStore.backup(of: bench.folder.store, to: other.store, replacing: true) } == .exists)
        #expect(try folder.bytes(of: other.store) == before)
        let second = other.path + "/second"
        #expect(link(other.store, second) == 0)
        #expect(code { try LeaseStore.backup(of: bench.folder.store, to: second, replacing: true) } == .exists)
    }

    /// SQLite would take that file for the backup's own WAL or journal, whatever it contains.
    @Test(arguments: ["-wal", "-journal"]) func noBackupIsMadeOrRestoredBesideALog(suffix: String) throws {
        try Data("a log".utf8).write(to: URL(fileURLWithPath: file + suffix))
        #expect(code { try LeaseStore.backup(of: bench.folder.store, to: file, replacing: true) } == .exists)
        #expect(try names() == ["backup" + suffix])
        #expect(unlink(file + suffix) == 0)
        try LeaseStore.backup(of: bench.folder.store, to: file)
        try Data("a log".utf8).write(to: URL(fileURLWithPath: file + suffix))
        let restored = folder.path + "/restored"
        #expect(code { _ = try LeaseStore.restore(file, to: restored) } == .damaged)
        #expect(access(restored, F_OK) != 0)
        #expect(unlink(file + suffix) == 0)
        _ = try LeaseStore.restore(file, to: restored)
    }

    /// Whether SQLite has a lock on a descriptor's file, even if this process holds it (F_OFD_GETLK of fcntl(2)).
    private func isLocked(_ descriptor: Int32) -> Bool {
        // Glibc's module lacks F_OFD_GETLK.
        let getOpenFileLock: Int32 = 36
        var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        #expect(fcntl(descriptor, getOpenFileLock, &lock) == 0)
        return lock.l_type != Int16(F_UNLCK)
    }

    /// Any close of the file in this process releases SQLite's locks.
    @Test func noCloseOfAnotherDescriptorTakesTheLocksOfAnOpenStoreOrOfACopy() throws {
        let store = bench.folder.store
        let second = bench.folder.path + "/second"
        #expect(link(store, second) == 0)
        // Closing it would release the locks, so it stays open to the end.
        let descriptor = open(store, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        #expect(isLocked(descriptor))
        let (configuration, clock) = (LedgerConfiguration(), bench.clock)
        #expect(code { try Ledger(path: second, configuration: configuration, clock: clock).abandon() } == .locked)
        #expect(code { try LeaseStore.backup(of: store, to: second, replacing: true) } == .exists)
        #expect(isLocked(descriptor))
        let copy = try StoreCopy(of: store)
        try copy.read { _ in
            try bench.ledger.close()
            #expect(isLocked(descriptor))
        }
        copy.close()
        #expect(!isLocked(descriptor))
    }

    @Test func whatIsNoStoreIsNotCopied() throws {
        let other = folder.path + "/other"
        #expect(code { try LeaseStore.backup(of: other, to: file) } == .missing)
        try Data().write(to: URL(fileURLWithPath: other))
        #expect(code { try LeaseStore.backup(of: other, to: file) } == .notAStore)
        try Data("no database, but long enough to be looked at".utf8).write(to: URL(fileURLWithPath: other))
        #expect(code { try LeaseStore.backup(of: other, to: file) } == .notAStore)
        try FileManager.default.removeItem(atPath: other)
        let queue = try DatabaseQueue(path: other)
        try queue.write { try $0.execute(sql: "CREATE TABLE things (id INTEGER)") }
        try queue.close()
        #expect(code { try LeaseStore.backup(of: other, to: file) } == .notAStore)
        #expect(code { try LeaseStore.backup(of: folder.path, to: file) } == .notAStore)
        #expect(code { try LeaseStore.backup(of: bench.folder.store, to: folder.path + "/no/backup") } == .cannotCreate)
        #expect(try names() == ["other"])
    }
}
