import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

/// What folding leaves in the journal: who held what, when, and how it ended, for as long as it is kept.
@Suite struct LedgerHistoryTests {
    private let folder: StoreFolder
    private let clock = ManualClock()
    private let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)

    init() throws {
        folder = try StoreFolder()
    }

    private func open(rows: Int64 = .max, age: Duration = .seconds(86_400)) throws -> Ledger {
        var configuration = LedgerConfiguration()
        configuration.historyRows = rows
        configuration.historyAge = age
        return try Ledger(path: folder.store, configuration: configuration, clock: clock)
    }

    private func ask(_ request: LeaseRequest, on name: String, _ ledger: Ledger) throws {
        _ = try ledger.perform(request, on: LeaseName(name), by: caller, now: clock.now()).get()
        try ledger.commit()
    }

    private func acquire(_ name: String, _ ledger: Ledger) throws {
        try ask(.acquire(ttl: .max, owner: .empty, request: nil), on: name, ledger)
    }

    private func column(_ name: String, _ ledger: Ledger) throws -> [Int64] {
        try ledger.file.pool.read { try Int64.fetchAll($0, sql: "SELECT \(name) FROM lease_journal ORDER BY seq") }
    }

    @Test func renewalsAndTokensLeaveNoRow() throws {
        let ledger = try open()
        defer { ledger.abandon() }
        try acquire("a", ledger)
        try ask(.renew(token: #require(ledger.tokens.last), ttl: .max, request: nil), on: "a", ledger)
        _ = try ledger.issueToken(now: clock.now())
        try ledger.commit()
        try ask(.revoke(after: .seconds(9), reason: Label("why")), on: "a", ledger)
        try ask(.revoke(after: nil, reason: Label("now")), on: "a", ledger)
        #expect(try column("event", ledger) == [1, 2, 6, 3, 5])
        while try ledger.fold(limit: 1) {}
        #expect(try column("event", ledger) == [1, 3, 5])
        #expect(ledger.historyCount == 3)
    }

    @Test(arguments: [1, 2, 3, 100])
    func theNewestRowsAreKeptUpToTheirNumber(limit: Int) throws {
        let ledger = try open(rows: 4)
        defer { ledger.abandon() }
        for number in 0..<10 {
            try acquire("\(number)", ledger)
        }
        while try ledger.fold(limit: limit) {}
        #expect(try column("seq", ledger) == [7, 8, 9, 10])
        #expect(ledger.historyCount == 4)
        // Rows that are not folded never count as history.
        for number in 10..<20 {
            try acquire("\(number)", ledger)
        }
        #expect(try column("seq", ledger) == Array(7...20))
    }

    @Test func rowsAreKeptForTheirTime() throws {
        let ledger = try open(age: .seconds(60))
        defer { ledger.abandon() }
        for number in 0..<5 {
            try acquire("\(number)", ledger)
            clock.advance(by: .seconds(20))
        }
        while try ledger.fold(limit: 2) {}
        // 100, 80, 60, 40 and 20 s old.
        #expect(try column("seq", ledger) == [3, 4, 5])
        #expect(ledger.leases.count == 5)
    }

    @Test func rowsOfAClockThatWasAheadKeepNoOlderOnes() throws {
        let ledger = try open(age: .seconds(60))
        defer { ledger.abandon() }
        for number in 0..<5 {
            // The clock is a year ahead for the first, and for the last.
            let ahead = number == 0 || number == 4
            if ahead { clock.stepWall(by: .seconds(366 * 86_400)) }
            try acquire("\(number)", ledger)
            if ahead { clock.stepWall(by: .seconds(-366 * 86_400)) }
            clock.advance(by: .seconds(20))
        }
        while try ledger.fold(limit: 2) {}
        #expect(try column("seq", ledger) == [3, 4, 5])
        #expect(ledger.historyCount == 3)
    }

    /// More of them than a slice looks at.
    @Test func manyRowsOfAClockThatWasAheadKeepNoOlderOnesEither() throws {
        let ledger = try open(age: .seconds(60))
        defer { ledger.abandon() }
        clock.stepWall(by: .seconds(366 * 86_400))
        for number in 0..<2000 {
            let request = LeaseRequest.acquire(ttl: .max, owner: .empty, request: nil)
            _ = try ledger.perform(request, on: LeaseName("ahead \(number)"), by: caller, now: clock.now()).get()
        }
        try ledger.commit()
        clock.stepWall(by: .seconds(-366 * 86_400))
        try acquire("old", ledger)
        while try ledger.fold(limit: 100) {}
        #expect(ledger.historyCount == 2001)
        clock.advance(by: .seconds(61))
        try acquire("new", ledger)
        while try ledger.fold(limit: 100) {}
        #expect(try column("seq", ledger) == [2002])
        #expect(ledger.historyCount == 1)
    }

    @Test func aSliceThatIsNotPacedIsAsLongAsItMayBe() throws {
        let ledger = try open()
        defer { ledger.abandon() }
        for number in 0..<1500 {
            let request = LeaseRequest.acquire(ttl: .max, owner: .empty, request: nil)
            _ = try ledger.perform(request, on: LeaseName("\(number)"), by: caller, now: clock.now()).get()
        }
        try ledger.commit()
        _ = try ledger.fold(limit: 1000)
        #expect(ledger.foldBacklog > 500)
        _ = try ledger.fold(limit: Int(ledger.foldBacklog), isPaced: false)
        #expect(ledger.foldBacklog == 0)
    }

    @Test func theCountIsTheSameAfterAStart() throws {
        let ledger = try open()
        for number in 0..<5 {
            try acquire("\(number)", ledger)
        }
        _ = try ledger.fold(limit: 3)
        ledger.abandon()
        let again = try open()
        defer { again.abandon() }
        #expect(again.historyCount == 3)
        #expect(again.foldedThrough == 3)
        #expect(again.foldBacklog == 2)
    }

    @Test func aLeaseThatBeganAndEndedWithinASliceNeverReachesTheTables() throws {
        let ledger = try open()
        defer { ledger.abandon() }
        try acquire("a", ledger)
        try ask(.revoke(after: nil, reason: .empty), on: "a", ledger)
        _ = try ledger.fold(limit: 10)
        let changes = try ledger.file.pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM leases") }
        #expect(changes == 0)
    }

    @Test func aCleanCloseFoldsAllAndLeavesNoLog() throws {
        let ledger = try open()
        for number in 0..<50 {
            try acquire("\(number)", ledger)
        }
        let state = LedgerState(ledger)
        try ledger.close()
        #expect(try folder.image().log == nil)
        let again = try open()
        defer { again.abandon() }
        #expect(again.foldBacklog == 0)
        #expect(LedgerState(again) == state)
    }
}
