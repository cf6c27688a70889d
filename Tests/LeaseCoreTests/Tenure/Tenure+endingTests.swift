import LeaseCore
import Testing

@Suite struct TenureEndingTests {
    /// A tenure that ends by time, and is ended by force, so many nanoseconds after the instant of the tests.
    private func tenure(deadline: Int64, revocation: Int64? = nil) throws -> Tenure {
        Tenure(
            fence: token(5),
            token: token(7),
            holder: Holder(uid: 1, gid: 1, pid: 1, owner: .empty),
            ttl: .min,
            deadline: moment(deadline),
            acquiredAt: moment().wall,
            renewals: 1,
            request: nil,
            revocation: try revocation.map { Revocation(end: moment($0), reason: try Label("why")) },
            isExtended: false
        )
    }

    @Test func aTenureHasEndedAtItsDeadlineAndNotBefore() throws {
        #expect(try tenure(deadline: 1).ending(at: moment().boot) == nil)
        #expect(try tenure(deadline: 0).ending(at: moment().boot) == TenureEnd(.expired))
        #expect(try tenure(deadline: -1).ending(at: moment().boot) == TenureEnd(.expired))
    }

    @Test func theNearerOfDeadlineAndRevocationIsTheEnd() throws {
        let ends = [-2, -1, 0, 1, 2] as [Int64]
        for deadline in ends {
            for revocation in ends {
                let tenure = try tenure(deadline: deadline, revocation: revocation)
                let end = tenure.ending(at: moment().boot)
                switch (deadline, revocation) {
                case (1..., 1...): #expect(end == nil)
                case _ where revocation <= deadline: #expect(try end == TenureEnd(.revoked, reason: Label("why")))
                default: #expect(end == TenureEnd(.expired))
                }
                #expect(tenure.end == moment(min(deadline, revocation)).boot)
                #expect(tenure.remaining(at: moment().boot) == .nanoseconds(max(0, min(deadline, revocation))))
            }
        }
    }

    @Test func theWallClockEndsNothing() throws {
        let now = moment(0)
        let tenure = Tenure(
            fence: token(5),
            token: token(5),
            holder: Holder(uid: 1, gid: 1, pid: 1, owner: .empty),
            ttl: .min,
            deadline: Moment(boot: now.boot.advanced(by: .seconds(1)), wall: WallInstant(microseconds: 0)),
            acquiredAt: now.wall,
            renewals: 0,
            request: nil,
            revocation: nil,
            isExtended: false
        )
        #expect(tenure.ending(at: now.boot) == nil)
    }

    @Test func onlyTheFenceAndTheNewestTokenAreCurrent() throws {
        let tenure = try tenure(deadline: 1)
        #expect((1...9).filter { tenure.isCurrent(token($0)) } == [5, 7])
    }
}
