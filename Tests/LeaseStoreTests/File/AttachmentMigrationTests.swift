import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

/// A store of a release without bound and tied tenures, opened by this one.
@Suite struct AttachmentMigrationTests {
    private let folder: StoreFolder
    private let clock = ManualClock()

    init() throws {
        folder = try StoreFolder()
    }

    /// Makes the older file: one lease in the tables, and one granted and renewed in the journal after them.
    private func makeOlderStore() throws {
        let now = clock.now()
        let end = now.advanced(by: .seconds(60))
        let queue = try DatabaseQueue(path: folder.store)
        defer { try? queue.close() }
        try Schema.migrator.migrate(queue, upTo: "2 store")
        try queue.write { database in
            for (name, value) in [
                (Meta.foldedThrough, "1"), (Meta.lastToken, "1000"), (Meta.bootIdentity, "'\(clock.bootIdentity)'"),
                (Meta.keyHash, "'xxh64'"),
            ] {
                try database.execute(sql: "INSERT INTO meta (name, value) VALUES ('\(name)', \(value))")
            }
            try database.execute(
                sql: """
                    INSERT INTO leases (name, slot, fence, token, uid, gid, pid, owner, ttl_ms, deadline_ns, deadline_us,
                        acquired_us, renewals, is_extended)
                    VALUES (x'61', 0, 1000, 1000, 1, 2, 3, 'folded', 60000, ?1, ?2, ?3, 0, 0);
                    """,
                arguments: [end.boot.nanoseconds, end.wall.microseconds, now.wall.microseconds]
            )
            try database.execute(
                sql: """
                    INSERT INTO lease_journal (seq, event, at_us, name, slot, fence, token, uid, gid, pid, owner, ttl_ms,
                        deadline_ns, deadline_us)
                    VALUES (2, 1, ?3, x'62', 0, 1001, 1001, 1, 2, 3, 'journal', 60000, ?1, ?2),
                        (3, 2, ?3, x'62', 0, 1001, 1002, NULL, NULL, NULL, NULL, 60000, ?1, ?2);
                    """,
                arguments: [end.boot.nanoseconds, end.wall.microseconds, now.wall.microseconds]
            )
        }
    }

    @Test func itsTenuresGoOnByTimeAlone() throws {
        try makeOlderStore()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        defer { ledger.abandon() }
        let names = try ["a", "b"].map { try LeaseName($0) }
        #expect(Set(ledger.leases.tenures.keys) == Set(names))
        for (name, token) in zip(names, [1000, 1002] as [Int64]) {
            let tenure = try #require(ledger.tenure(of: name))
            #expect(tenure.token.rawValue == token)
            #expect(tenure.attachment == .nothing && !tenure.isOverdueNoted && tenure.revocation == nil)
            #expect(tenure.remaining(at: clock.now().boot) == .seconds(60))
        }
    }

    @Test func theyCanBeTiedAndThatIsKept() throws {
        try makeOlderStore()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)
        var fences: Set<Token> = []
        for (name, tenure) in ledger.leases.tenures {
            _ = try ledger.perform(.tie(token: tenure.token), on: name, by: caller, now: clock.now()).get()
            fences.insert(tenure.fence)
        }
        clock.advance(by: .seconds(90))
        #expect(!ledger.expire(now: clock.now(), limit: 9))
        try ledger.commit()
        let before = LedgerState(ledger)
        #expect(before.ties == fences && fences.count == 2)
        while try ledger.fold(limit: 1) {}
        ledger.abandon()
        let again = try LedgerState(openingIn: folder, clock: clock, keptTies: fences)
        #expect(again == before.started(at: clock.now(), keptTies: fences))
        #expect(again.ties == fences)
    }
}
