import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

@Suite struct LedgerRestartTests {
    private let folder: StoreFolder
    private let clock = ManualClock()
    private let caller = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)
    private let name: LeaseName

    init() throws {
        folder = try StoreFolder()
        name = try LeaseName("job")
    }

    /// Opens the store, calls `body`, and leaves the store as a SIGKILL would.
    @discardableResult
    private func run<Result>(keptTies: Set<Token> = [], _ body: (Ledger) throws -> Result) throws -> Result {
        let ledger = try Ledger(
            path: folder.store,
            configuration: LedgerConfiguration(),
            clock: clock,
            keptTies: keptTies
        )
        defer { ledger.abandon() }
        return try body(ledger)
    }

    private func ask(_ request: LeaseRequest, _ ledger: Ledger) throws -> LeaseAnswer {
        let answer = try ledger.perform(request, on: name, by: caller, now: clock.now()).get()
        try ledger.commit()
        return answer
    }

    private func acquire(ttl: Int64) throws {
        try run { _ = try ask(.acquire(ttl: try TTL(.seconds(ttl)), owner: .empty, request: nil), $0) }
    }

    private func left() throws -> Duration? {
        try run { $0.leases[name]?.remaining(at: clock.now().boot) }
    }

    @Test func aRestartGivesTimeOnceForAGrantAndAgainForARenewal() throws {
        try acquire(ttl: 30)
        clock.advance(by: .seconds(28))
        #expect(try left() == .seconds(10))
        clock.advance(by: .seconds(7))
        #expect(try left() == .seconds(3))
        clock.advance(by: .seconds(1))
        let renewal = LeaseRequest.renew(
            token: try run { try #require($0.leases[name]).token },
            ttl: .min,
            request: nil
        )
        try run { _ = try ask(renewal, $0) }
        clock.advance(by: .milliseconds(900))
        #expect(try left() == .seconds(1))
        clock.advance(by: .milliseconds(999))
        #expect(try left() == .milliseconds(1))
        clock.advance(by: .milliseconds(1))
        #expect(try left() == .zero)
    }

    @Test func aStartReadsEveryLeaseHoweverManyOrSaysThatOneIsDamaged() throws {
        // More than are handed over at once, and not a multiple of that.
        let count = 2 * 4096 + 100
        let ttl = try TTL(.seconds(3600))
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        for index in 0..<count {
            let request = LeaseRequest.acquire(ttl: ttl, owner: .empty, request: nil)
            _ = try ledger.perform(request, on: LeaseName("job \(index)"), by: caller, now: clock.now()).get()
        }
        try ledger.commit()
        let state = LedgerState(ledger)
        try ledger.close()
        #expect(state.leases.count == count)
        #expect(try run { LedgerState($0) } == state)
        #expect(try run { $0.leases.counts[caller.uid] } == count)

        let database = try DatabaseQueue(path: folder.store)
        try database.write { database in
            #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM leases") == count)
            try database.execute(sql: "UPDATE leases SET token = 0 WHERE name = CAST('job 7000' AS BLOB)")
            #expect(database.changesCount == 1)
        }
        try database.close()
        #expect { try run { _ in } } throws: {
            ($0 as? StoreError)?.code == .damaged
        }
    }

    @Test func aTenureWhoseEndWasNotCommittedGoesOn() throws {
        try acquire(ttl: 30)
        clock.advance(by: .seconds(300))
        #expect(try left() == .seconds(10))
        clock.advance(by: .seconds(10))
        try run { ledger in
            _ = ledger.expire(now: clock.now(), limit: 5)
            try ledger.commit()
        }
        #expect(try left() == nil)
    }

    @Test func anExtensionIsDurableAtOnce() throws {
        try acquire(ttl: 30)
        clock.advance(by: .seconds(30))
        let first = try run { LedgerState($0) }
        #expect(first.leases[name]?.isExtended == true)
        #expect(try run { LedgerState($0) } == first)
    }

    @Test func aRunningRevocationGetsNoGrace() throws {
        try acquire(ttl: 300)
        try run { _ = try ask(.revoke(after: .seconds(5), reason: .empty), $0) }
        clock.advance(by: .seconds(4))
        #expect(try left() == .seconds(1))
        clock.advance(by: .seconds(1))
        #expect(try left() == .zero)
        #expect(try run { try ask(.holder, $0) } == .tenure(nil))
    }

    // MARK: - What a tenure hangs on

    /// Acquires, bound or tied, and returns the fence.
    private func acquire(ttl: Int64, _ attachment: Attachment) throws -> Token {
        try run { ledger in
            let acquire = LeaseRequest.acquire(
                ttl: try TTL(.seconds(ttl)),
                owner: .empty,
                request: nil,
                binds: attachment == .bound
            )
            _ = try ask(acquire, ledger)
            let fence = try #require(ledger.leases[name]).fence
            if attachment == .tied {
                #expect(try ask(.tie(token: fence), ledger) == .tied)
            }
            return fence
        }
    }

    @Test(arguments: [Attachment.bound, .tied])
    func aTenureWhoseConnectionIsGoneGoesOnByTimeUntilItsHolderComesBack(attachment: Attachment) throws {
        let fence = try acquire(ttl: 30, attachment)
        clock.advance(by: .seconds(300))
        let found = try run { ledger in try #require(ledger.leases[name]) }
        #expect(found.fence == fence && found.attachment == .nothing)
        #expect(found.remaining(at: clock.now().boot) == .seconds(10))
        // It is tied again within its time, and continues.
        try run { _ = try ask(.tie(token: fence), $0) }
        #expect(try run(keptTies: [fence]) { $0.leases[name]?.attachment } == .tied)
        clock.advance(by: .seconds(300))
        try run(keptTies: [fence]) { ledger in
            clock.advance(by: .seconds(10))
            #expect(!ledger.expire(now: clock.now(), limit: 9))
            try ledger.commit()
            #expect(ledger.leases[name]?.isOverdueNoted == true)
            #expect(ledger.tiedLeases == [fence: name])
        }
        // The restart remembers that the tenure was announced as overdue: nothing is due.
        try run(keptTies: [fence]) { #expect($0.earliestDue() == nil) }
        // Without its tie it ends: the one extension since it was tied was used.
        #expect(try run { try ask(.holder, $0) } == .tenure(nil))
    }

    @Test func eachTieGivesItsHolderTimeToComeBackOverARestart() throws {
        let fence = try acquire(ttl: 30, .tied)
        for _ in 0..<3 {
            clock.advance(by: .seconds(300))
            try run { ledger in
                #expect(ledger.leases[name]?.remaining(at: clock.now().boot) == .seconds(10))
                _ = try ask(.tie(token: fence), ledger)
            }
        }
        clock.advance(by: .seconds(300))
        try run { #expect($0.leases[name]?.attachment == .nothing) }
        // Nobody came back: the next restart gives no more time.
        clock.advance(by: .seconds(10))
        #expect(try run { try ask(.holder, $0) } == .tenure(nil))
    }

    @Test func tiesOfTwoTenuresWithOneFenceKeepNeither() throws {
        let fence = try acquire(ttl: 30, .tied)
        let other = try LeaseName("other")
        try run { ledger in
            _ = try ask(.tie(token: fence), ledger)
            let entry = StoreEntry(
                key: Key(other),
                lease: EntryLease(token: fence, expiresAt: clock.now().wall.advanced(by: .seconds(30)), fence: fence)
            )
            let root = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)
            _ = try ledger.perform(.importEntries([entry]), if: nil, by: root, now: clock.now()).get()
            _ = try ledger.perform(.tie(token: fence), on: other, by: root, now: clock.now()).get()
            try ledger.commit()
        }
        clock.advance(by: .seconds(300))
        try run(keptTies: [fence]) { ledger in
            for name in [name, other] {
                let tenure = try #require(ledger.leases[name])
                #expect(tenure.attachment == .nothing)
                #expect(tenure.remaining(at: clock.now().boot) == .seconds(10))
            }
            #expect(ledger.tiedLeases.isEmpty)
        }
    }

    @Test func aKeptTieOfAnotherTenureKeepsNothing() throws {
        let fence = try acquire(ttl: 30, .tied)
        let other = try #require(Token(rawValue: fence.rawValue + 1))
        #expect(try run(keptTies: [other]) { $0.leases[name]?.attachment } == .nothing)
    }

    @Test(arguments: [Attachment.bound, .tied])
    func aRebootEndsWhatHungOnAProcessAsLost(attachment: Attachment) throws {
        let fence = try acquire(ttl: 300, attachment)
        clock.reboot()
        try run(keptTies: [fence]) { ledger in
            #expect(ledger.leases[name] == nil)
            let causes = try ledger.file.pool.read { database in
                try Int64.fetchAll(database, sql: "SELECT detail FROM lease_journal WHERE event = 5")
            }
            #expect(causes == [TenureEnd.Cause.lost.rawValue])
            // It is durable, and is not reported as freed, as an end in this boot would be.
            #expect(ledger.takeFreed().map(\.name) == [])
        }
        #expect(try run { try ask(.holder, $0) } == .tenure(nil))
    }

    @Test func anIDIsRememberedOverARestartAndBindsAnew() throws {
        let id = RequestID.random()
        let acquire = LeaseRequest.acquire(ttl: try TTL(.seconds(30)), owner: .empty, request: id, binds: true)
        let first = try run { try ask(acquire, $0) }
        try run { ledger in
            #expect(ledger.leases[name]?.attachment == .nothing)
            let repeated = try ask(acquire, ledger)
            #expect(repeated == first)
            #expect(ledger.leases[name]?.attachment == .bound)
        }
    }

    // MARK: - Reboots

    @Test func aRebootTakesWhatIsLeftFromTheWallClock() throws {
        try acquire(ttl: 30)
        clock.reboot()
        clock.stepWall(by: .seconds(12))
        #expect(try left() == .seconds(18))
        // From now on this boot's clock counts.
        clock.advance(by: .seconds(3))
        #expect(try left() == .seconds(15))
    }

    @Test func aWallClockThatWasSetBackLeavesAtMostTheTTL() throws {
        try acquire(ttl: 30)
        clock.reboot()
        clock.stepWall(by: .seconds(-86_400))
        #expect(try left() == .seconds(30))
        clock.reboot(as: "boot 3")
        #expect(try left() == .seconds(30))
    }

    @Test func aWallClockFarAheadLeavesNothing() throws {
        try acquire(ttl: 30)
        clock.reboot()
        clock.stepWall(by: .seconds(86_400 * 365 * 300))
        // No time is left, and a reboot is not a restart: no grace.
        #expect(try run { try ask(.holder, $0) } == .tenure(nil))
    }

    @Test func anotherTimeNamespaceIsAnotherBoot() throws {
        try acquire(ttl: 30)
        clock.advance(by: .seconds(10))
        clock.reboot(as: "boot 1 time:[4026531834] 86400.0")
        #expect(try left() == .seconds(20))
        let state = try run { LedgerState($0) }
        #expect(try run { LedgerState($0) } == state)
    }

    @Test func tokensGoOnRisingOverRebootsAndClocksThatStepBack() throws {
        var last = try run { try $0.issued(at: clock.now()) }
        for number in 0..<6 {
            clock.reboot(as: "boot \(number + 2)")
            clock.stepWall(by: .seconds(number.isMultiple(of: 2) ? -1_000_000 : 10))
            let next = try run { try $0.issued(at: clock.now()) }
            #expect(next > last)
            last = next
        }
    }

    /// A restart remembers who may postpone a revocation, whether it was folded or not.
    @Test(arguments: [false, true]) func theRevokerIsKept(isFolded: Bool) throws {
        let folder = try StoreFolder()
        let clock = ManualClock()
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        let holder = Caller(uid: 1, gid: 1, pid: 1, isAdministrator: false)
        let root = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)
        let name = try LeaseName("a")
        let acquire = LeaseRequest.acquire(ttl: .max, owner: .empty, request: nil)
        _ = try ledger.perform(acquire, on: name, by: holder, now: clock.now()).get()
        let revoke = LeaseRequest.revoke(after: .seconds(60), reason: .empty)
        _ = try ledger.perform(revoke, on: name, by: root, now: clock.now()).get()
        try ledger.commit()
        if isFolded {
            while try ledger.fold(limit: 100) {}
        }
        ledger.abandon()
        let again = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        defer { again.abandon() }
        #expect(again.tenure(of: name)?.revocation?.revoker == 0)
        let later = LeaseRequest.revoke(after: .seconds(61), reason: .empty)
        #expect(throws: LeaseError.self) {
            try again.perform(later, on: name, by: holder, now: clock.now()).get()
        }
        try again.commit()
    }
}

extension Ledger {
    /// Issues a token and makes it durable.
    fileprivate func issued(at now: Moment) throws -> Token {
        let token = try issueToken(now: now)
        try commit()
        return token
    }
}
