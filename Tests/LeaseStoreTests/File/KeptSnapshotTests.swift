import Foundation
import GRDB
import GRDBSQLite
import LeaseCore
import Testing

@testable import LeaseStore

@Suite struct KeptSnapshotTests {
    private func withLedger(_ body: (Ledger, StoreFolder) throws -> Void) throws {
        let folder = try StoreFolder()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: ManualClock())
        defer { ledger.abandon() }
        try body(ledger, folder)
    }

    /// Whether the writer's connection has a read transaction between two commits.
    private func isReading(_ ledger: Ledger) -> Bool {
        ledger.file.pool.writeWithoutTransaction { sqlite3_txn_state($0.sqliteConnection, "main") == SQLITE_TXN_READ }
    }

    private func commitToken(_ ledger: Ledger) throws {
        _ = try ledger.issueToken(now: ledger.clock.now())
        try ledger.commit()
    }

    @Test func theWriterKeepsItsReadMarkFromOneCommitToTheNext() throws {
        try withLedger { ledger, _ in
            for _ in 0..<3 {
                try commitToken(ledger)
                #expect(isReading(ledger))
            }
            while try ledger.fold(limit: 1) {}
            #expect(isReading(ledger))
        }
    }

    @Test func whatIsReadIsWhatTheLastCommitHasLeft() throws {
        try withLedger { ledger, _ in
            let (key, caller) = (try Key("k"), Caller(uid: 1, gid: 1, pid: 1, isAdministrator: true))
            for round in 0..<3 {
                let value = Array("\(round)".utf8)
                _ = try ledger.perform(.put(key, value), if: nil, by: caller, now: ledger.clock.now()).get()
                try ledger.commit()
                let answer = try ledger.perform(.get(key), if: nil, by: caller, now: ledger.clock.now()).get()
                #expect(answer == .value(value))
            }
        }
    }

    /// A read mark that stays would hold up every checkpoint, and the WAL would grow without limit.
    @Test func theLogOfAWriterThatNeverPausesBeginsAnew() throws {
        try withLedger { ledger, folder in
            let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: true)
            let (pages, page) = (100, StoreImage.pageSize + StoreImage.frameHeader)
            var written = 0
            while written < 24_000 {
                let value = [UInt8](repeating: UInt8(written % 251), count: pages * 4096)
                let key = try Key("\(written % 7)")
                _ = try ledger.perform(.put(key, value), if: nil, by: caller, now: ledger.clock.now()).get()
                try ledger.commit()
                written += pages
            }
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.store + "-wal")
            let frames = ((attributes[.size] as? NSNumber)?.intValue ?? .max) / page
            // Four times the length from which the WAL is checkpointed, plus a commit or two.
            #expect(frames <= 16_000 + 3 * pages)
            #expect(frames >= 4000)
        }
    }

    /// SQLite recovers from the error once there is no reader.
    @Test func aRefusedCommitLeavesAWriterThatGoesOn() throws {
        let folder = try StoreFolder()
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: ManualClock())
        defer { ledger.abandon() }
        try commitToken(ledger)
        for _ in 0..<3 {
            disk.fail { $0.call == .write && $0.file == "store.db-wal" ? SQLITE_FULL : nil }
            #expect(throws: CommitFailure.self) { try commitToken(ledger) }
            #expect(!isReading(ledger))
            disk.fail(nil)
            try commitToken(ledger)
            #expect(isReading(ledger))
        }
        #expect(ledger.lastDurableSequence == 4)
    }
}
