import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

/// Tenures whose end is in the journal, so that no slice of folding writes them any more.
@Suite struct PastTenureTests {
    private let folder: StoreFolder
    private let clock = ManualClock()
    private let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)

    init() throws {
        folder = try StoreFolder()
    }

    private func open(_ path: String) throws -> Ledger {
        try Ledger(path: path, configuration: LedgerConfiguration(), clock: clock)
    }

    private func ask(_ request: LeaseRequest, on name: String, _ ledger: Ledger) throws {
        _ = try ledger.perform(request, on: LeaseName(name), by: caller, now: clock.now()).get()
        try ledger.commit()
    }

    private func acquire(_ name: String, _ ledger: Ledger) throws {
        try ask(.acquire(ttl: .max, owner: .empty, request: nil), on: name, ledger)
    }

    private func renew(_ name: String, _ ledger: Ledger) throws {
        let token = try #require(ledger.leases[LeaseName(name)]).token
        try ask(.renew(token: token, ttl: .max, request: nil), on: name, ledger)
    }

    private func release(_ name: String, _ ledger: Ledger) throws {
        try ask(.release(token: #require(ledger.leases[LeaseName(name)]).token), on: name, ledger)
    }

    /// The names in the table.
    private func table(_ ledger: Ledger) throws -> [String] {
        try ledger.file.pool.read { database in
            try String.fetchAll(database, sql: "SELECT CAST(name AS TEXT) FROM leases ORDER BY name")
        }
    }

    private func changes(_ ledger: Ledger) -> Int {
        ledger.file.pool.writeWithoutTransaction { $0.totalChangesCount }
    }

    @Test func noSliceWritesThem() throws {
        let ledger = try open(folder.store)
        defer { ledger.abandon() }
        try acquire("a", ledger)
        try renew("a", ledger)
        try acquire("b", ledger)
        try release("a", ledger)
        try acquire("a", ledger)
        try release("a", ledger)
        // Even if slices end within its tenures.
        for names in [[], [], ["b"], ["b"], ["b"], ["b"]] {
            _ = try ledger.fold(limit: 1)
            #expect(try table(ledger) == names)
        }
        #expect(ledger.foldBacklog == 0)
    }

    @Test func thousandsInASliceCostTheTablesNothing() throws {
        let ledger = try open(folder.store)
        defer { ledger.abandon() }
        for _ in 0..<500 {
            try acquire("a", ledger)
            try release("a", ledger)
        }
        let before = changes(ledger)
        while try ledger.fold(limit: 300) {}
        // Two changes for each of four slices: how far the tables are, and the last token.
        #expect(changes(ledger) - before == 8)
    }

    @Test func theirEndRemovesThemFromTheTable() throws {
        let ledger = try open(folder.store)
        defer { ledger.abandon() }
        try acquire("a", ledger)
        _ = try ledger.fold(limit: 1)
        try renew("a", ledger)
        try release("a", ledger)
        _ = try ledger.fold(limit: 1)
        #expect(try table(ledger) == ["a"], "it stays as it is until then")
        _ = try ledger.fold(limit: 1)
        #expect(try table(ledger) == [])
    }

    @Test func whatGoesOnBehindASliceIsInTheTableOnce() throws {
        let ledger = try open(folder.store)
        defer { ledger.abandon() }
        try acquire("a", ledger)
        try renew("a", ledger)
        try renew("a", ledger)
        _ = try ledger.fold(limit: 1)
        #expect(try table(ledger) == ["a"])
        // It has ended by now: the rest of its rows must know that the table has it.
        try release("a", ledger)
        while try ledger.fold(limit: 1) {}
        #expect(try table(ledger) == [])
        let trackers = try ledger.file.pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM key_trackers") }
        #expect(trackers == 0)
    }

    @Test func aStartKnowsOneThatAnImportHasReplaced() throws {
        let administrator = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)
        for slice in 1...4 {
            let folder = try StoreFolder()
            let ledger = try open(folder.store)
            try acquire("a", ledger)
            try renew("a", ledger)
            let name = try LeaseName("a")
            let tenure = try #require(ledger.leases[name])
            let entry = EntryLease(
                token: tenure.token,
                expiresAt: clock.now().wall.advanced(by: .seconds(60)),
                fence: tenure.fence,
                uid: caller.uid
            )
            try ledger.importEntries([StoreEntry(key: Key(name), lease: entry)], by: administrator, now: clock.now())
            try ledger.commit()
            try release("a", ledger)
            _ = try ledger.fold(limit: slice)
            // Lists read the rows, too.
            let tail = try ledger.file.pool.read { try JournalTail($0) }
            #expect(tail.granted == [])
            ledger.abandon()
            let again = try open(folder.store)
            defer { again.abandon() }
            #expect(again.leases.count == 0, "folded \(slice) rows")
            while try again.fold(limit: 1) {}
            #expect(try table(again) == [], "folded \(slice) rows")
        }
    }

    /// What may happen to a tenure between its grant and its end.
    private enum Step: CaseIterable {
        case renew, bind, unbind, tie, beLate, beginRevocation, bringIn, comeBack
    }

    private func take(_ step: Step, _ ledger: inout Ledger, in folder: StoreFolder) throws {
        let tenure = try #require(ledger.leases[LeaseName("a")])
        func renew(_ binding: Binding) throws {
            try ask(.renew(token: tenure.token, ttl: .max, request: nil, binding: binding), on: "a", ledger)
        }
        switch step {
        case .renew: try renew(.keep)
        case .bind: try renew(.bind)
        case .unbind: try renew(.unbind)
        case .tie: try ask(.tie(token: tenure.token), on: "a", ledger)
        case .beLate:
            clock.advance(by: clock.now().boot.duration(to: tenure.deadline.boot) + .seconds(1))
            _ = ledger.expire(now: clock.now(), limit: 10)
            try ledger.commit()
        case .beginRevocation: try ask(.revoke(after: .seconds(60), reason: .empty), on: "a", ledger)
        case .bringIn:
            let entry = EntryLease(
                token: tenure.token,
                expiresAt: clock.now().wall.advanced(by: .seconds(60)),
                fence: tenure.fence,
                uid: caller.uid
            )
            let administrator = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)
            try ledger.importEntries([StoreEntry(key: Key("a"), lease: entry)], by: administrator, now: clock.now())
            try ledger.commit()
        case .comeBack:
            ledger.abandon()
            ledger = try Ledger(
                path: folder.store,
                configuration: LedgerConfiguration(),
                clock: clock,
                keptTies: [tenure.fence]
            )
        }
    }

    @Test func aStartKnowsOneThatTheTableHoldsAsItWas() throws {
        for first in Step.allCases {
            for second in Step.allCases {
                var slice = 0
                var folded = false
                repeat {
                    slice += 1
                    let folder = try StoreFolder()
                    var ledger = try open(folder.store)
                    try acquire("a", ledger)
                    _ = try ledger.fold(limit: 1)
                    for step in [first, second] where ledger.leases[try LeaseName("a")] != nil {
                        do {
                            try take(step, &ledger, in: folder)
                        } catch let error as LeaseError where error.code == .revoked {
                            // A tenure that is being revoked cannot be renewed.
                        }
                    }
                    if let tenure = ledger.leases[try LeaseName("a")] {
                        try ask(.lose(fence: tenure.fence), on: "a", ledger)
                    }
                    _ = try ledger.fold(limit: slice)
                    folded = ledger.foldBacklog == 0
                    ledger.abandon()
                    let place = "\(first), \(second), folded \(slice) rows"
                    let again = try #require(try? open(folder.store), "\(place)")
                    defer { again.abandon() }
                    #expect(again.leases.count == 0, "\(place)")
                    let tail = try again.file.pool.read { try JournalTail($0) }
                    #expect(tail.granted == [], "\(place)")
                    while try again.fold(limit: 1) {}
                    #expect(try table(again) == [], "\(place)")
                } while !folded
            }
        }
    }

    @Test func oneWithoutAnEndIsDamage() throws {
        let ledger = try open(folder.store)
        try acquire("a", ledger)
        try renew("a", ledger)
        try release("a", ledger)
        _ = try ledger.fold(limit: 1)
        ledger.abandon()
        let intact = try open(folder.store)
        #expect(intact.leases.count == 0)
        intact.abandon()
        try DatabaseQueue(path: folder.store).write { try $0.execute(sql: "DELETE FROM lease_journal WHERE seq = 3") }
        let error = #expect(throws: StoreError.self) { try open(folder.store) }
        #expect(error?.code == .damaged)
    }
}
