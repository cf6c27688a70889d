import LeaseCore
import Testing

@Suite struct LeaseRulesImportTests {
    private let root = Caller(uid: 0, gid: 7, pid: 8, isAdministrator: true)
    private let now = moment()

    private func lease(_ number: Int64, after duration: Duration = .seconds(30), fence: Int64? = nil) -> EntryLease {
        EntryLease(
            token: token(number),
            expiresAt: now.wall.advanced(by: duration),
            fence: fence.map { token($0) }
        )
    }

    private func admit(_ lease: EntryLease, over tenure: Tenure? = nil, by caller: Caller? = nil) throws -> Tenure? {
        try LeaseRules.admit(lease, on: LeaseName("job"), over: tenure, by: caller ?? root, now: now)
    }

    @Test func whatAnEntryDoesNotSayIsFilledIn() throws {
        let tenure = try #require(try admit(lease(100)))
        #expect(tenure.fence == token(100) && tenure.token == token(100))
        #expect(tenure.holder == Holder(uid: 0, gid: 7, pid: 8, owner: .empty))
        #expect(tenure.ttl.duration == .seconds(30))
        #expect(tenure.deadline == moment(30_000_000_000))
        #expect(tenure.ending(at: now.boot) == nil)
    }

    @Test func whatAnEntrySaysIsTaken() throws {
        var full = lease(100, after: .milliseconds(1), fence: 90)
        full.ttl = .max
        full.uid = 1000
        full.owner = try Label("cron")
        let tenure = try #require(try admit(full))
        #expect(tenure.fence == token(90) && tenure.token == token(100))
        #expect(tenure.holder.uid == 1000 && tenure.holder.owner.text == "cron")
        #expect(tenure.ttl == .max)
        #expect(tenure.deadline == moment(1_000_000))
    }

    @Test func aLeaseIsForAdministrators() {
        let user = Caller(uid: 1000, gid: 1, pid: 1, isAdministrator: false)
        #expect(refusal { _ = try admit(lease(100), by: user) } == .denied)
        #expect(refusal { _ = try admit(lease(100, after: .zero), by: user) } == .denied)
    }

    /// All leases share the sequence of tokens: a scoped administrator moves it no further than time does.
    @Test func whoAdministersSomeLeasesMovesTheTokensNoFurtherThanTime() throws {
        let rule = AccessRule(.allow, .user(1000), [.admin], prefix: Array("job".utf8), label: "rule 1")
        let access = Access([rule], uid: 1000)
        let scoped = Caller(uid: 1000, gid: 1, pid: 1, isAdministrator: false, access: access)
        let reached = now.wall.microseconds
        #expect(try admit(lease(reached), by: scoped) != nil)
        #expect(try admit(lease(reached, after: .zero), by: scoped) == nil)
        #expect(refusal { _ = try admit(lease(reached + 1), by: scoped) } == .denied)
        #expect(refusal { _ = try admit(lease(reached + 1, after: .zero), by: scoped) } == .denied)
        #expect(try admit(lease(reached + 1)) != nil)
        // A token that the store has already issued raises nothing.
        let name = try LeaseName("job")
        let last = token(reached + 5)
        func admitted(_ number: Int64) throws -> Tenure? {
            try LeaseRules.admit(lease(number), on: name, over: nil, by: scoped, now: now, lastToken: last)
        }
        #expect(try admitted(reached + 5) != nil)
        #expect(refusal { _ = try admitted(reached + 6) } == .denied)
    }

    @Test func aLeaseIsPastAtTheInstantOfItsEnd() throws {
        #expect(try admit(lease(100, after: .microseconds(-1))) == nil)
        #expect(try admit(lease(100, after: .zero)) == nil)
        #expect(try admit(lease(100, after: .microseconds(1)))?.ttl == .min)
    }

    @Test func aTokenIsAtMost2ToThe52AndAFenceAtMostTheToken() throws {
        #expect(try admit(lease(1 << 52)) != nil)
        #expect(refusal { _ = try admit(lease(1 << 52 + 1)) } == .invalidRequest)
        #expect(refusal { _ = try admit(lease(1 << 52 + 1, after: .zero)) } == .invalidRequest)
        #expect(try admit(lease(100, fence: 100)) != nil)
        #expect(refusal { _ = try admit(lease(100, fence: 101)) } == .invalidRequest)
    }

    @Test func aLeaseLastsAtMostTheLongestTTL() throws {
        #expect(try admit(lease(100, after: TTL.max.duration))?.ttl == .max)
        #expect(refusal { _ = try admit(lease(100, after: TTL.max.duration + .microseconds(1))) } == .invalidRequest)
        let never = EntryLease(token: token(1), expiresAt: WallInstant(milliseconds: .max))
        #expect(refusal { _ = try admit(never) } == .invalidRequest)
    }

    @Test func onlyTheSameFenceReplacesATenureInForce() throws {
        let held = try #require(try admit(lease(100, after: .seconds(10))))
        #expect(refusal { _ = try admit(lease(200), over: held) } == .conflict)
        #expect(try admit(lease(200, after: .zero), over: held) == nil)
        #expect(try admit(lease(200, fence: 100), over: held)?.token == token(200))
        let ended = try #require(try admit(lease(100, after: .microseconds(1))))
        let later = moment(1000)
        let replaced = try LeaseRules.admit(lease(200), on: LeaseName("job"), over: ended, by: root, now: later)
        #expect(replaced?.fence == token(200))
    }
}
