import Foundation
import GRDB
import GRDBSQLite
import LeaseCore
import Synchronization
import Testing

@testable import LeaseStore

@Suite struct WALRoomTests {
    private let folder: StoreFolder
    private let disk: FaultyDisk
    private let ledger: Ledger
    private let clock = ManualClock()

    init() throws {
        folder = try StoreFolder()
        disk = FaultyDisk(folder: folder.path)
        ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
    }

    private func end() {
        ledger.abandon()
        disk.detach()
    }

    private func commitTokens(_ count: Int) throws {
        for _ in 0..<count {
            _ = try ledger.issueToken(now: clock.now())
            try ledger.commit()
        }
    }

    private var walBytes: Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: folder.store + "-wal")
        return (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }

    /// The index's next region is made before its frames are written; later a full disk could not be reported.
    @Test func theIndexHasARegionMoreThanItsFramesNeed() throws {
        defer { end() }
        try commitTokens(Int(WALRoom.fewestFrames))
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.store + "-shm")
        #expect((attributes[.size] as? NSNumber)?.intValue ?? 0 >= 2 * 32_768)
        #expect(ledger.lastDurableSequence == Int64(WALRoom.fewestFrames))
    }

    private static let whole = StoreImage.logHeader + 4000 * (StoreImage.pageSize + StoreImage.frameHeader)

    @Test func aStoreThatIsHardlyWrittenToHasAShortLog() throws {
        defer { end() }
        try commitTokens(20)
        let image = try folder.image()
        #expect(image.frames < WALRoom.fewestFrames)
        #expect(walBytes == image.cut(after: image.frames).log?.count)
    }

    @Test func aLogThatIsWrittenToGetsItsWholeLengthAndKeepsIt() throws {
        defer { end() }
        try commitTokens(200)
        #expect(walBytes == Self.whole)
        let frames = try folder.image().frames
        #expect(frames >= 200)
        try commitTokens(200)
        #expect(walBytes == Self.whole)
        #expect(try folder.image().frames >= frames + 200)
    }

    @Test func whatIsBehindTheLastFrameMeansNothing() throws {
        defer { end() }
        try commitTokens(150)
        let state = LedgerState(ledger)
        let copy = try StoreFolder()
        try copy.write(folder.image())
        #expect(try LedgerState(openingIn: copy, clock: clock) == state)
    }

    @Test func aFullDiskGetsTheRoomBack() throws {
        defer { end() }
        let refused = Mutex(0)
        // There is space for some of the zeros.
        disk.fail { operation in
            guard operation.call == .write, operation.offset > 4 << 20 else { return nil }
            refused.withLock { $0 += 1 }
            return SQLITE_FULL
        }
        try commitTokens(200)
        #expect(refused.withLock { $0 } == 1, "what was refused once was asked for again")
        let image = try folder.image()
        #expect(image.frames >= 200)
        #expect(image.log?.count == image.cut(after: image.frames).log?.count)
    }
}
