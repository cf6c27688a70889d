import GRDB
import LeaseCore
import TestSupport
import Testing

@testable import LeaseStore

/// Power losses: any part of what was not synced may survive, in any order; what was answered must survive.
@Suite struct LedgerPowerLossTests {
    @Test(arguments: [21, 22] as [UInt64])
    func everyCommittedBatchSurvivesAPowerLossAtAnyInstant(seed: UInt64) throws {
        let folder = try StoreFolder()
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        let clock = ManualClock()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        defer { ledger.abandon() }
        disk.record(over: [
            "store.db": try folder.bytes(of: folder.store), "store.db-wal": try folder.image().log ?? [],
        ])

        var workload = try Workload(seed: seed)
        var committed = [(operations: 0, state: LedgerState(ledger))]
        for step in 0..<40 {
            try workload.batch(on: ledger, clock: clock)
            try ledger.commit()
            committed.append((disk.operations, LedgerState(ledger)))
            if step % 4 == 3 {
                _ = try ledger.fold(limit: 9)
            }
            if step % 10 == 9 {
                // The WAL is checkpointed and restarted.
                try ledger.file.pool.writeWithoutTransaction {
                    ledger.file.snapshot.end()
                    _ = try $0.checkpoint(.passive)
                }
            }
        }

        let copy = try StoreFolder()
        for instant in stride(from: 0, through: disk.operations, by: 2) {
            let chance = instant % 3
            let files = disk.image(after: instant) { chance == 0 ? false : workload.generator.oneIn(chance + 1) }
            try copy.write(StoreImage(database: files["store.db"] ?? [], log: files["store.db-wal"]))
            let found = try LedgerState(openingIn: copy, clock: clock)
            let answered = committed.lastIndex { $0.operations <= instant } ?? 0
            // The batch that was under way may have survived, too: whole, or not at all.
            let allowed = committed[answered...].prefix(2).map { $0.state.started(at: clock.now()) }
            #expect(allowed.contains(found), "seed \(seed), power loss after operation \(instant)")
        }
    }
}
