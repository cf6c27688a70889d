import GRDB
import LeaseCore
import Testing

@testable import LeaseStore

/// Which leases have become free: the engine grants these to its waiters.
@Suite struct LedgerFreedTests {
    private let folder: StoreFolder
    private let clock = ManualClock()
    private let caller = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)

    init() throws {
        folder = try StoreFolder()
    }

    /// A ledger with leases of these names, each for a minute.
    private func ledger(_ names: [LeaseName]) throws -> Ledger {
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
        for name in names {
            try acquire(name, on: ledger)
        }
        try ledger.commit()
        #expect(ledger.takeFreed().map(\.name) == [])
        return ledger
    }

    private func acquire(_ name: LeaseName, on ledger: Ledger) throws {
        let acquire = LeaseRequest.acquire(ttl: try TTL(.seconds(60)), owner: .empty, request: nil)
        _ = try ledger.perform(acquire, on: name, by: caller, now: clock.now()).get()
    }

    private func ask(_ request: LeaseRequest, on name: LeaseName, _ ledger: Ledger) throws {
        _ = try ledger.perform(request, on: name, by: caller, now: clock.now()).get()
    }

    @Test func everyWayToEndTellsOfItOnceAndInOrder() throws {
        let names = try ["released", "revoked", "lost", "removed", "expired"].map { try LeaseName($0) }
        let ledger = try ledger(names)
        defer { ledger.abandon() }
        let tenures = try names.map { try #require(ledger.tenure(of: $0)) }
        try ask(.release(token: tenures[0].token), on: names[0], ledger)
        try ask(.revoke(after: nil, reason: .empty), on: names[1], ledger)
        try ask(.lose(fence: tenures[2].fence), on: names[2], ledger)
        _ = try ledger.perform(.removeKeys([Key(names[3])]), if: nil, by: caller, now: clock.now()).get()
        clock.advance(by: .seconds(60))
        #expect(!ledger.expire(now: clock.now(), limit: 5))
        #expect(ledger.takeFreed().map(\.name) == names)
        #expect(ledger.takeFreed().map(\.name) == [])
        try ledger.commit()
    }

    @Test func aRequestThatFindsATenureOverTellsOfItToo() throws {
        let name = try LeaseName("a")
        let ledger = try ledger([name])
        defer { ledger.abandon() }
        clock.advance(by: .seconds(60))
        try ask(.holder, on: name, ledger)
        #expect(ledger.takeFreed().map(\.name) == [name])
        #expect(ledger.tenure(of: name) == nil)
    }

    @Test func whatIsFreedAndTakenAgainWasFreed() throws {
        let name = try LeaseName("a")
        let ledger = try ledger([name])
        defer { ledger.abandon() }
        let before = try #require(ledger.tenure(of: name))
        try ask(.release(token: before.token), on: name, ledger)
        try acquire(name, on: ledger)
        #expect(ledger.takeFreed().map(\.name) == [name])
        let after = try #require(ledger.tenure(of: name))
        #expect(after.fence > before.fence)
    }

    @Test func aTenureThatBecomesOverdueFreesNothing() throws {
        let name = try LeaseName("a")
        let ledger = try ledger([name])
        defer { ledger.abandon() }
        let token = try #require(ledger.tenure(of: name)).token
        try ask(.tie(token: token), on: name, ledger)
        clock.advance(by: .seconds(600))
        #expect(!ledger.expire(now: clock.now(), limit: 5))
        #expect(ledger.takeFreed().map(\.name) == [])
        #expect(ledger.tenure(of: name)?.isOverdueNoted == true)
        try ledger.commit()
        #expect(ledger.earliestDue() == nil)
    }

    @Test func aRefusedCommitHasFreedNothing() throws {
        let name = try LeaseName("a")
        let disk = FaultyDisk(folder: folder.path)
        defer { disk.detach() }
        let ledger = try ledger([name])
        defer { ledger.abandon() }
        let before = try #require(ledger.tenure(of: name))
        for takes in [true, false] {
            try ask(.lose(fence: before.fence), on: name, ledger)
            if takes {
                #expect(ledger.takeFreed().map(\.name) == [name])
            }
            disk.fail { $0.call == .write ? ResultCode.SQLITE_FULL.rawValue : nil }
            #expect(throws: CommitFailure.self) { try ledger.commit() }
            disk.fail(nil)
            #expect(ledger.takeFreed().map(\.name) == [])
            #expect(ledger.tenure(of: name) == before)
        }
        // What was refused can be repeated, and is reported again.
        try ask(.lose(fence: before.fence), on: name, ledger)
        #expect(ledger.takeFreed().map(\.name) == [name])
        try ledger.commit()
        #expect(ledger.tenure(of: name) == nil)
    }
}
