import GRDB
import LeaseCore
import Synchronization
import Testing

@testable import LeaseStore

/// A disk that is full, fails to write or fails to sync, at every operation of a commit and of a fold.
@Suite struct LedgerFailureTests {
    private let folder: StoreFolder
    private let copy: StoreFolder
    private let disk: FaultyDisk
    private let clock = ManualClock()
    private let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)

    init() throws {
        folder = try StoreFolder()
        copy = try StoreFolder()
        disk = FaultyDisk(folder: folder.path)
    }

    private func open() throws -> Ledger {
        try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
    }

    /// Makes the operation `number` of this kind, counted from 0, fail from now on with `code`.
    private func fail(_ call: FaultyDisk.Operation.Call, number: Int, with code: ResultCode) {
        let counter = Counter()
        disk.fail { operation in
            operation.call == call && counter.next() == number ? code.rawValue : nil
        }
    }

    private func outcome(_ body: () throws(CommitFailure) -> Void) -> String {
        do {
            try body()
            return "done"
        } catch {
            switch error {
            case .refused(let refusal): return "refused \(refusal.code)"
            case .unknown(let failure): return "unknown \(failure.code)"
            }
        }
    }

    private func stateAfterKill() throws -> LedgerState {
        try copy.write(folder.image())
        return try LedgerState(openingIn: copy, clock: clock)
    }

    @Test(arguments: [ResultCode.SQLITE_FULL, .SQLITE_IOERR_WRITE])
    func aCommitWhoseWritingFailsChangesNothing(code: ResultCode) throws {
        defer { disk.detach() }
        let ledger = try open()
        defer { ledger.abandon() }
        var workload = try Workload(seed: 31)
        var refusals = 0
        for round in 0..<40 {
            var number = 0
            while true {
                let before = LedgerState(ledger)
                let (ends, users) = (ledger.earliestDue(), (0...1001).map { ledger.leases.counts[$0] })
                let generator = workload.generator
                let now = clock.now()
                try workload.batch(on: ledger, clock: clock)
                guard ledger.hasBatch else { break }
                fail(.write, number: number, with: code)
                let outcome = outcome { () throws(CommitFailure) in try ledger.commit() }
                disk.fail(nil)
                guard outcome != "done" else { break }
                refusals += 1
                #expect(outcome == "refused ioError")
                #expect(LedgerState(ledger) == before, "round \(round), write \(number)")
                #expect(ledger.earliestDue() == ends)
                #expect((0...1001).map { ledger.leases.counts[$0] } == users)
                #expect(!ledger.hasBatch)
                #expect(try stateAfterKill() == before.started(at: clock.now()), "round \(round), write \(number)")
                // The same batch again, failing one write later.
                workload.generator = generator
                clock.advance(by: clock.now().boot.duration(to: now.boot))
                number += 1
            }
            #expect(try stateAfterKill() == LedgerState(ledger).started(at: clock.now()))
        }
        #expect(refusals > 20)
    }

    @Test func aCommitWhoseSyncFailsIsUnknown() throws {
        defer { disk.detach() }
        let ledger = try open()
        let before = LedgerState(ledger)
        _ = try ledger.issueToken(now: clock.now())
        fail(.sync, number: 0, with: .SQLITE_IOERR_FSYNC)
        #expect(outcome { () throws(CommitFailure) in try ledger.commit() } == "unknown syncFailed")
        disk.fail(nil)
        let found = try stateAfterKill()
        #expect([before.lastSequence, before.lastSequence + 1].contains(found.lastSequence))
        ledger.abandon()
    }

    @Test(arguments: [ResultCode.SQLITE_IOERR_SHMSIZE, .SQLITE_IOERR_SHMMAP, .SQLITE_IOERR_NOMEM])
    func aCommitThatFailsAfterItsSyncIsNotCalledRefused(code: ResultCode) throws {
        defer { disk.detach() }
        let ledger = try open()
        defer { ledger.abandon() }
        // A reader keeps the WAL from restarting, so its index must grow (at frame 4063).
        let reader = try ledger.file.pool.makeSnapshot()
        defer { try? reader.close() }
        try ledger.file.pool.write { database in
            try database.execute(sql: "CREATE TABLE filler (bytes BLOB)")
            try database.execute(sql: "INSERT INTO filler VALUES (zeroblob(4025 * 4088))")
        }
        #expect((4000..<4062).contains(try folder.image().frames))
        let before = LedgerState(ledger)
        // One large commit reaches that frame, so there was no room in the index before (WALIndexRoom).
        for _ in 0..<20_000 {
            _ = try ledger.issueToken(now: clock.now())
        }
        fail(.growSharedMemory, number: 0, with: code)
        let outcome = self.outcome { () throws(CommitFailure) in try ledger.commit() }
        disk.fail(nil)
        #expect(outcome != "done")
        // SQLite extends the index after the sync, so the row is there after a crash.
        let found = try stateAfterKill()
        #expect(found == before || outcome.hasPrefix("unknown"))
    }

    @Test func aFoldWhoseWritingFailsLosesNothing() throws {
        defer { disk.detach() }
        let ledger = try open()
        defer { ledger.abandon() }
        var workload = try Workload(seed: 32)
        var refusals = 0
        for _ in 0..<6 {
            for _ in 0..<4 {
                try workload.batch(on: ledger, clock: clock)
                try ledger.commit()
            }
            let before = (LedgerState(ledger), ledger.foldedThrough, ledger.historyCount)
            var outcome = ""
            for number in 0... where outcome != "done" {
                fail(.write, number: number, with: .SQLITE_FULL)
                outcome = self.outcome { () throws(CommitFailure) in _ = try ledger.fold(limit: 50) }
                disk.fail(nil)
                guard outcome != "done" else { break }
                refusals += 1
                #expect(outcome == "refused ioError")
                #expect(LedgerState(ledger) == before.0)
                #expect(ledger.foldedThrough == before.1 && ledger.historyCount == before.2)
                #expect(try stateAfterKill() == before.0.started(at: clock.now()))
            }
            #expect(ledger.foldBacklog == 0)
            #expect(try stateAfterKill() == LedgerState(ledger).started(at: clock.now()))
        }
        #expect(refusals > 20)
    }

    @Test(arguments: [false, true])
    func aFoldIsNotSyncedAndTheCommitBehindItIs(isRefused: Bool) throws {
        defer { disk.detach() }
        let ledger = try open()
        defer { ledger.abandon() }
        func syncs(refusing: Bool = false, _ body: () throws -> Void) rethrows -> Int {
            let syncs = Counter()
            disk.fail { operation in
                if operation.call == .sync { _ = syncs.next() }
                return refusing && operation.call == .write ? ResultCode.SQLITE_FULL.rawValue : nil
            }
            defer { disk.fail(nil) }
            try body()
            return syncs.next()
        }
        for _ in 0..<3 {
            _ = try ledger.issueToken(now: clock.now())
            #expect(try syncs { try ledger.commit() } == 1)
            let ofFold = syncs(refusing: isRefused) {
                let outcome = outcome { () throws(CommitFailure) in _ = try ledger.fold(limit: 50) }
                #expect(outcome == (isRefused ? "refused ioError" : "done"))
            }
            #expect(ofFold == 0)
        }
    }

    @Test func aFullFileRefusesAndGoesOnWhenThereIsRoom() throws {
        defer { disk.detach() }
        let ledger = try open()
        defer { ledger.abandon() }
        try ledger.file.pool.writeWithoutTransaction { database in
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            try database.execute(sql: "PRAGMA max_page_count = \(pages + 2)")
        }
        let acquire = LeaseRequest.acquire(
            ttl: .max,
            owner: try Label(String(repeating: "x", count: 256)),
            request: nil
        )
        var number = 0
        func fill() throws -> String {
            for _ in 0..<10 {
                let name = try LeaseName([UInt8](repeating: 0x61, count: 1000) + Array("\(number)".utf8))
                number += 1
                _ = try ledger.perform(acquire, on: name, by: caller, now: clock.now()).get()
            }
            return outcome { () throws(CommitFailure) in try ledger.commit() }
        }
        let before = LedgerState(ledger)
        #expect(try fill() == "refused ioError")
        #expect(LedgerState(ledger) == before)
        _ = try ledger.issueToken(now: clock.now())
        try ledger.commit()
        try ledger.file.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = 100000") }
        #expect(try fill() == "done")
        #expect(ledger.leases.count == 10)
        #expect(try stateAfterKill() == LedgerState(ledger))
    }

    @Test func anOpeningThatFailsAnywhereIsRepeatedWithSuccess() throws {
        defer { disk.detach() }
        let made = try open()
        _ = try made.perform(
            .acquire(ttl: .min, owner: .empty, request: nil),
            on: LeaseName("job"),
            by: caller,
            now: clock.now()
        ).get()
        try made.commit()
        clock.advance(by: .milliseconds(500))
        let expected = LedgerState(made).started(at: clock.now())
        let image = try folder.image()
        made.abandon()
        for call in [FaultyDisk.Operation.Call.write, .sync] {
            for number in 0..<40 {
                try folder.write(image)
                fail(call, number: number, with: call == .write ? .SQLITE_FULL : .SQLITE_IOERR_FSYNC)
                let isOpened = (try? open()).map { $0.abandon() } != nil
                disk.fail(nil)
                // The lock, the connections and the file's content: nothing prevents the next attempt.
                let again = try open()
                #expect(LedgerState(again) == expected, "\(call) \(number)")
                again.abandon()
                if isOpened && number > 20 { break }
            }
        }
    }
}

/// Counts from 0.
private final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int {
        count.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}
