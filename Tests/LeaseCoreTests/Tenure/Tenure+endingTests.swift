import LeaseCore
import Testing

@Suite struct TenureEndingTests {
    /// A tenure whose deadline and revocation come this many nanoseconds after the instant of the tests.
    private func tenure(
        deadline: Int64,
        revocation: Int64? = nil,
        _ attachment: Attachment = .nothing,
        isOverdueNoted: Bool = false
    ) throws -> Tenure {
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
            isExtended: false,
            attachment: attachment,
            isOverdueNoted: isOverdueNoted
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

    @Test func aBoundTenureEndsByTimeLikeAnyOther() throws {
        for deadline in [-1, 0, 1] as [Int64] {
            for revocation in [nil, -1, 0, 1] as [Int64?] {
                let bound = try tenure(deadline: deadline, revocation: revocation, .bound)
                let plain = try tenure(deadline: deadline, revocation: revocation)
                #expect(bound.ending(at: moment().boot) == plain.ending(at: moment().boot))
                #expect(bound.end == plain.end && bound.due == plain.due)
                #expect(!bound.isOverdue(at: moment().boot))
            }
        }
    }

    @Test func aTiedTenurePassesItsDeadlineAndIsOverdue() throws {
        for deadline in [-1, 0, 1] as [Int64] {
            let tied = try tenure(deadline: deadline, .tied)
            #expect(tied.ending(at: moment().boot) == nil)
            #expect(tied.isOverdue(at: moment().boot) == (deadline <= 0))
            #expect(tied.remaining(at: moment().boot) == .nanoseconds(max(deadline, 0)))
            #expect(tied.end == nil)
        }
    }

    @Test func timeConcernsATiedTenureUntilItIsNotedThatItIsOverdue() throws {
        #expect(try tenure(deadline: 3, .tied).due == moment(3).boot)
        #expect(try tenure(deadline: 3, .tied, isOverdueNoted: true).due == nil)
        // A revocation still ends it.
        #expect(try tenure(deadline: 3, revocation: 9, .tied).due == moment(3).boot)
        #expect(try tenure(deadline: 3, revocation: 2, .tied).due == moment(2).boot)
        #expect(try tenure(deadline: 3, revocation: 9, .tied, isOverdueNoted: true).due == moment(9).boot)
    }

    @Test func onlyARevocationEndsATiedTenureByTimeWhetherItIsOverdueOrNot() throws {
        for deadline in [-2, -1, 0, 1, 2] as [Int64] {
            for revocation in [-2, -1, 0, 1, 2] as [Int64] {
                let tied = try tenure(deadline: deadline, revocation: revocation, .tied)
                let end = try revocation <= 0 ? TenureEnd(.revoked, reason: Label("why")) : nil
                #expect(tied.ending(at: moment().boot) == end, "\(deadline), \(revocation)")
                #expect(tied.end == moment(revocation).boot)
                #expect(tied.remaining(at: moment().boot) == .nanoseconds(max(0, min(deadline, revocation))))
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
