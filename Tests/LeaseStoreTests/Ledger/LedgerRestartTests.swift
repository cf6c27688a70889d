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

    /// Opens the store, does something, and leaves it as a SIGKILL would.
    @discardableResult
    private func run<Result>(_ body: (Ledger) throws -> Result) throws -> Result {
        let ledger = try Ledger(path: folder.store, configuration: LedgerConfiguration(), clock: clock)
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

    // MARK: - Reboots

    @Test func aRebootTakesWhatIsLeftFromTheWallClock() throws {
        try acquire(ttl: 30)
        clock.reboot()
        clock.stepWall(by: .seconds(12))
        #expect(try left() == .seconds(18))
        // It is this boot's clock from now on.
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
        // Nothing is left, and a reboot is no restart: no grace.
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
}

extension Ledger {
    /// Issues a token and makes it durable.
    fileprivate func issued(at now: Moment) throws -> Token {
        let token = try issueToken(now: now)
        try commit()
        return token
    }
}
