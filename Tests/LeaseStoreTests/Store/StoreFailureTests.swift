import GRDB
import LeaseCore
import Synchronization
import Testing

@testable import LeaseStore

/// Writes that fail, commits that are refused, processes that die: a batch is there whole or not at all.
@Suite struct StoreFailureTests {
    private let bench: StoreBench
    private let disk: FaultyDisk
    private let keys: [Key]

    init() throws {
        let folder = try StoreFolder()
        disk = FaultyDisk(folder: folder.path)
        bench = try StoreBench(in: folder)
        try bench.ledger.file.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA cache_size = -2000") }
        keys = try (0..<400).map { try Key("key \($0)") }
    }

    /// More than the cache of this suite's store holds, so SQLite begins to write before the commit.
    private var large: [StoreEntry] {
        keys.map { StoreEntry(key: $0, value: [UInt8](repeating: 7, count: 10_000), children: [$0]) }
    }

    /// Makes the write `number`, counted from 0, and all later ones fail.
    private func failWrites(from number: Int) {
        let counter = WriteCounter()
        disk.fail { operation in
            guard operation.call == .write else { return nil }
            return counter.next() >= number ? ResultCode.SQLITE_FULL.rawValue : nil
        }
    }

    private func isRefused() -> Bool {
        do {
            try bench.ledger.commit()
            return false
        } catch {
            if case .refused(let refusal) = error { return refusal.code == .ioError }
            return false
        }
    }

    @Test func anImportWhoseWritingFailsAnywhereLeavesNothing() throws {
        defer { disk.detach() }
        try bench.ask(.put(keys[0], [1]))
        try bench.acquire(keys[1])
        let before = try bench.everything()
        let state = LedgerState(bench.ledger)
        let entries = large + [StoreEntry(key: keys[2], lease: try pastLease())]
        var (early, late) = (0, 0)
        var number = 0
        while true {
            failWrites(from: number)
            let refusal = bench.refusal(.importEntries(entries))
            guard isRefused() else {
                #expect(refusal == nil)
                disk.fail(nil)
                break
            }
            disk.fail(nil)
            if refusal == nil { late += 1 } else { early += 1 }
            #expect(refusal == nil || refusal == .ioError)
            #expect(LedgerState(bench.ledger) == state && !bench.ledger.hasBatch, "write \(number)")
            #expect(try bench.everything() == before, "write \(number)")
            #expect(try bench.ask(.get(keys[0])) == .value([1]), "write \(number)")
            // In steps that are shorter than the part written at the commit.
            number += number / 4 + 1
        }
        // Some fail in the middle of the import, and some at its commit.
        #expect(early > 0 && late > 0, "\(early), \(late)")
        #expect(try bench.everything().count == keys.count)
    }

    private func pastLease() throws -> EntryLease {
        EntryLease(token: try #require(Token(rawValue: 1 << 51)), expiresAt: WallInstant(microseconds: 0))
    }

    @Test func aFailedWriteTakesTheWholeBatchWithIt() throws {
        defer { disk.detach() }
        let small = try Key("small")
        try bench.ask(.put(small, [1]))
        try bench.acquire(keys[1])
        failWrites(from: 0)
        #expect(bench.refusal(.importEntries(large)) == .ioError)
        disk.fail(nil)
        // The disk works again, but nothing of this batch can be promised.
        #expect(bench.refusal(.put(small, [2])) == .ioError)
        #expect(bench.refusal(.get(small)) == .ioError)
        #expect(bench.ledger.hasBatch)
        #expect(isRefused())
        #expect(try bench.everything().isEmpty)
        try bench.ask(.put(small, [3]))
        try bench.ledger.commit()
        #expect(try bench.everything() == ["small": [.simple]])
    }

    @Test(arguments: [true, false])
    func aTransactionThatSQLiteHasTakenBackRefusesTheBatch(writesAgain: Bool) throws {
        defer { disk.detach() }
        try bench.ask(.put(keys[0], [1]))
        try bench.ledger.commit()
        let state = LedgerState(bench.ledger)
        try bench.ask(.put(keys[0], [2]))
        try bench.acquire(keys[1])
        try bench.ledger.file.pool.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        if writesAgain { #expect(bench.refusal(.put(keys[2], [3])) == .ioError) }
        #expect(isRefused())
        #expect(LedgerState(bench.ledger) == state)
        #expect(try bench.ask(.get(keys[0])) == .value([1]))
        #expect(try bench.ask(.get(keys[2])) == .value(nil))
        try bench.acquire(keys[1])
        try bench.ledger.commit()
        #expect(bench.ledger.lastDurableSequence == state.lastSequence + 1)
    }

    @Test func aRefusedCommitPutsEverythingBack() throws {
        defer { disk.detach() }
        try bench.ask(.put(keys[0], [1]))
        try bench.ask(.append(keys[0], child: keys[1]))
        try bench.acquire(keys[0])
        let before = try bench.everything()
        let requests: [StoreRequest] = [
            .put(keys[0], [2]), .put(keys[5], []), .delete(keys[0]), .append(keys[0], child: keys[2]),
            .removeChild(keys[0], child: keys[1]), .removeKeys([keys[0]]),
            .importEntries([StoreEntry(key: keys[7], value: [], lease: try pastLease())]),
        ]
        for request in requests {
            let state = LedgerState(bench.ledger)
            failWrites(from: 0)
            #expect(bench.refusal(request) == nil, "\(request)")
            #expect(isRefused(), "\(request)")
            disk.fail(nil)
            #expect(LedgerState(bench.ledger) == state, "\(request)")
            #expect(try bench.everything() == before, "\(request)")
            #expect(try bench.ask(.get(keys[0])) == .value([1]), "\(request)")
            #expect(try bench.ask(.contains(keys[0], child: keys[1])) == .flag(true), "\(request)")
        }
    }

    @Test func anImportCutAnywhereByACrashLeavesAllOrNothing() throws {
        let copy = try StoreFolder()
        try bench.ask(.put(keys[0], [1]))
        try bench.settle()
        let frames = try bench.folder.image().frames
        try bench.ask(.importEntries(large))
        // Alive, in the middle: others see nothing of it yet.
        let inTheMiddle = try bench.folder.image()
        #expect(inTheMiddle.frames > frames)
        try bench.ledger.commit()
        let whole = try bench.folder.image()
        var images = [inTheMiddle, whole.cut(after: whole.frames - 1), whole.cut(after: whole.frames - 1, bytes: 2000)]
        images += stride(from: frames, to: whole.frames, by: 97).map { whole.cut(after: $0) }
        for image in images {
            try copy.write(image)
            #expect(try StoreBench(in: copy).everything() == ["key 0": [.simple]], "\(image.frames) frames")
        }
        try copy.write(whole)
        #expect(try StoreBench(in: copy).everything().count == keys.count)
    }
}

private final class WriteCounter: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).oldValue }
}
