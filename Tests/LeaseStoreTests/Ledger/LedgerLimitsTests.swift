import LeaseCore
import Testing

@testable import LeaseStore

@Suite struct LedgerLimitsTests {
    private let folder: StoreFolder
    private let clock = ManualClock()
    private let administrator = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)

    init() throws {
        folder = try StoreFolder()
    }

    private func open(_ change: (inout LedgerConfiguration) -> Void) throws -> Ledger {
        var configuration = LedgerConfiguration()
        change(&configuration)
        return try Ledger(path: folder.store, configuration: configuration, clock: clock)
    }

    private func user(_ uid: UInt32) -> Caller {
        Caller(uid: uid, gid: uid, pid: 1, isAdministrator: false)
    }

    /// The refusal of an acquisition of 10 s, or `nil` if it was granted.
    private func refusal(_ name: String, _ caller: Caller, _ ledger: Ledger) throws -> LeaseError.Code? {
        let acquire = LeaseRequest.acquire(ttl: try TTL(.seconds(10)), owner: .empty, request: nil)
        let answer = ledger.perform(acquire, on: try LeaseName(name), by: caller, now: clock.now())
        if case .failure(let error) = answer {
            return error.code
        }
        return nil
    }

    @Test func theReserveIsForAdministrators() throws {
        let ledger = try open {
            $0.leaseQuota.total = 5
            $0.leaseQuota.reservedForAdministrators = 2
        }
        defer { ledger.abandon() }
        for number in 0..<3 {
            #expect(try refusal("user \(number)", user(1), ledger) == nil)
        }
        #expect(try refusal("user 3", user(1), ledger) == .busy)
        #expect(try refusal("user 3", user(2), ledger) == .busy)
        #expect(try refusal("admin 0", administrator, ledger) == nil)
        #expect(try refusal("admin 1", administrator, ledger) == nil)
        #expect(try refusal("admin 2", administrator, ledger) == .busy)
        try ledger.commit()
        #expect(ledger.leases.count == 5)
    }

    @Test func aUserHasALimitOfItsOwnAndAdministratorsHaveNone() throws {
        let ledger = try open { $0.leaseQuota.perUser = 2 }
        defer { ledger.abandon() }
        #expect(try refusal("a", user(1), ledger) == nil)
        #expect(try refusal("b", user(1), ledger) == nil)
        #expect(try refusal("c", user(1), ledger) == .busy)
        #expect(try refusal("c", user(2), ledger) == nil)
        for number in 0..<4 {
            #expect(try refusal("admin \(number)", administrator, ledger) == nil)
        }
        let release = LeaseRequest.release(token: try #require(ledger.leases[LeaseName("a")]).token)
        _ = try ledger.perform(release, on: LeaseName("a"), by: user(1), now: clock.now()).get()
        #expect(try refusal("c2", user(1), ledger) == nil)
    }

    @Test func aTenureThatHasEndedMakesRoomForItsSuccessor() throws {
        let ledger = try open {
            $0.leaseQuota.total = 2
            $0.leaseQuota.reservedForAdministrators = 0
            $0.leaseQuota.perUser = 1
        }
        defer { ledger.abandon() }
        #expect(try refusal("a", user(1), ledger) == nil)
        #expect(try refusal("b", user(2), ledger) == nil)
        clock.advance(by: .seconds(10))
        // Allowed to its own user, and to another user who has none, but not to one who still has one.
        #expect(try refusal("a", user(1), ledger) == nil)
        #expect(try refusal("b", user(1), ledger) == .busy)
        #expect(try refusal("b", user(3), ledger) == nil)
        #expect(ledger.leases.counts[2] == 0)
        try ledger.commit()
        #expect(ledger.leases.count == 2)
    }

    @Test func aGrantThatIsRefusedIssuesNoTokenAndStillEndsWhatHasEnded() throws {
        let ledger = try open {
            $0.leaseQuota.perUser = 1
        }
        defer { ledger.abandon() }
        #expect(try refusal("a", user(1), ledger) == nil)
        #expect(try refusal("b", user(2), ledger) == nil)
        try ledger.commit()
        clock.advance(by: .seconds(9))
        let renewal = LeaseRequest.renew(
            token: try #require(ledger.leases[LeaseName("b")]).token,
            ttl: .max,
            request: nil
        )
        _ = try ledger.perform(renewal, on: LeaseName("b"), by: user(2), now: clock.now()).get()
        try ledger.commit()
        clock.advance(by: .seconds(1))
        let last = ledger.tokens.last
        #expect(try refusal("a", user(2), ledger) == .busy)
        #expect(ledger.tokens.last == last)
        try ledger.commit()
        #expect(try ledger.leases[LeaseName("a")] == nil)
        #expect(try LedgerState(copying: folder, clock: clock) == LedgerState(ledger))
    }

    @Test func limitsThatWereLoweredTakeNothingAway() throws {
        let made = try open { _ in }
        for number in 0..<4 {
            #expect(try refusal("\(number)", user(1), made) == nil)
        }
        try made.commit()
        try made.close()
        let ledger = try open { $0.leaseQuota.total = 1 }
        defer { ledger.abandon() }
        #expect(ledger.leases.count == 4)
        #expect(try refusal("more", administrator, ledger) == .busy)
        let renewal = LeaseRequest.renew(
            token: try #require(ledger.leases[LeaseName("0")]).token,
            ttl: .max,
            request: nil
        )
        _ = try ledger.perform(renewal, on: LeaseName("0"), by: user(1), now: clock.now()).get()
    }
}

extension LedgerState {
    /// Opens a copy of what a SIGKILL of the store in `folder` leaves.
    fileprivate init(copying folder: StoreFolder, clock: ManualClock) throws {
        let copy = try StoreFolder()
        try copy.write(folder.image())
        try self.init(openingIn: copy, clock: clock)
    }
}
