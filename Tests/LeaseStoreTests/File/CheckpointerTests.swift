import Dispatch
import Foundation
import GRDB
import Testing

@testable import LeaseStore

@Suite(.timeLimit(.minutes(5))) struct CheckpointerTests {
    /// Pages that each commit writes: few, or more than the writer itself copies between two commits.
    @Test(arguments: [1, 3, 40])
    func theLogStaysBoundedUnderCommitsThatNeverPause(pages: Int) throws {
        let folder = try StoreFolder()
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        var configuration = Configuration()
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA wal_autocheckpoint = 0") }
        let pool = try DatabasePool(path: folder.store, configuration: configuration)
        let checkpointer = try Checkpointer(path: folder.store, threshold: 100)
        try pool.writeWithoutTransaction { database in
            checkpointer.observe(database)
            try database.execute(sql: "CREATE TABLE pages (bytes BLOB)")
        }
        // A checkpoint beside the writer ends only after one more commit.
        let nextCommit = DispatchSemaphore(value: 0)
        disk.fail { operation in
            if operation.call == .sync, operation.file == "store.db", checkpointer.isRunning {
                nextCommit.wait()
            }
            return nil
        }
        var commits = 0
        var largest = 0
        while commits * pages < 4000 {
            try pool.writeWithoutTransaction { database in
                try database.execute(sql: "INSERT INTO pages VALUES (randomblob(?))", arguments: [pages * 4000])
                if checkpointer.isRunning {
                    nextCommit.signal()
                    checkpointer.settle()
                }
                try checkpointer.tendWAL(on: database)
            }
            commits += 1
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.store + "-wal")
            largest = max(largest, (attributes[.size] as? NSNumber)?.intValue ?? .max)
        }
        nextCommit.signal()
        checkpointer.settle()
        disk.fail(nil)
        // Four times the threshold, plus a commit or two.
        #expect(largest / (StoreImage.pageSize + StoreImage.frameHeader) <= 400 + 2 * (pages + 4))
        let count = try pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM pages") }
        #expect(count == commits)
        try pool.close()
        try checkpointer.close()
    }

    @Test func aReaderThatStaysHoldsUpNobody() throws {
        let folder = try StoreFolder()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: ManualClock())
        defer { ledger.abandon() }
        let checkpointer = try Checkpointer(path: folder.store, threshold: 10)
        let reader = try ledger.file.pool.makeSnapshot()
        ledger.file.pool.writeWithoutTransaction { checkpointer.observe($0) }
        func commit() throws {
            _ = try ledger.issueToken(now: ledger.clock.now())
            try ledger.commit()
            try ledger.file.pool.writeWithoutTransaction {
                ledger.file.snapshot.end()
                try checkpointer.tendWAL(on: $0)
            }
            checkpointer.settle()
        }
        for _ in 0..<60 { try commit() }
        #expect(ledger.lastDurableSequence == 60)
        // No checkpoint passes the reader's snapshot: the WAL grows past the length at which it would begin anew.
        let frames = checkpointer.walFrames
        #expect(frames > 4 * 10)
        try reader.close()
        for _ in 0..<3 { try commit() }
        #expect(checkpointer.walFrames < frames)
        #expect(checkpointer.failedSyncCode == nil)
        try checkpointer.close()
    }
}
