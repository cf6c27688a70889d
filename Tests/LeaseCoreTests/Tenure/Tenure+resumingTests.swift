import LeaseCore
import Testing

@Suite struct TenureResumingTests {
    private static let second: Int64 = 1_000_000_000

    private func tenure(
        ttl: Int64,
        deadline: Moment,
        revocation: Moment? = nil,
        isExtended: Bool = false,
        _ attachment: Attachment = .nothing,
        isOverdueNoted: Bool = false
    ) throws -> Tenure {
        Tenure(
            fence: token(5),
            token: token(7),
            holder: Holder(uid: 1, gid: 1, pid: 1, owner: .empty),
            ttl: try TTL(.seconds(ttl)),
            deadline: deadline,
            acquiredAt: moment().wall,
            renewals: 1,
            request: nil,
            revocation: revocation.map { Revocation(end: $0, reason: .empty) },
            isExtended: isExtended,
            attachment: attachment,
            isOverdueNoted: isOverdueNoted
        )
    }

    // MARK: - What a tenure hangs on

    /// The tenure as a restart leaves it.
    private func restarted(_ tenure: Tenure, isTieKept: Bool = false, at now: Moment = moment()) throws -> Tenure {
        var lease: Tenure? = tenure
        if let resumption = tenure.resumptionAfterRestart(at: now, isTieKept: isTieKept) {
            #expect(TenureEvent.resumed(resumption).apply(to: &lease))
        }
        return try #require(lease)
    }

    @Test func aRestartDetachesWhatIsBoundEvenIfItNeedsNoMoreTime() throws {
        for left in [5, 50] as [Int64] {
            let bound = try tenure(ttl: 60, deadline: moment(left * Self.second), .bound)
            // A kept tie does not keep a bound tenure bound.
            for isTieKept in [false, true] {
                let after = try restarted(bound, isTieKept: isTieKept)
                #expect(after.attachment == .nothing)
                #expect(after.deadline == moment(max(left, 10) * Self.second))
                #expect(after.isExtended == (left == 5))
            }
        }
    }

    @Test func aKeptTieHoldsOnAndALostOneLeavesTimeToTieAgain() throws {
        let overdue = try tenure(ttl: 60, deadline: moment(-100 * Self.second), .tied, isOverdueNoted: true)
        let kept = try restarted(overdue, isTieKept: true)
        #expect(kept.attachment == .tied)
        #expect(kept.ending(at: moment(3600 * Self.second).boot) == nil)
        let lost = try restarted(overdue, isTieKept: false)
        #expect(lost.attachment == .nothing)
        #expect(lost.ending(at: moment(10 * Self.second - 1).boot) == nil)
        #expect(lost.ending(at: moment(10 * Self.second).boot)?.cause == .expired)
        // With more time it is no longer overdue, and may become overdue again.
        #expect(!kept.isOverdueNoted && !lost.isOverdueNoted)
    }

    @Test func aKeptTieWithTimeLeftNeedsNoRow() throws {
        let tied = try tenure(ttl: 60, deadline: moment(50 * Self.second), .tied)
        #expect(tied.resumptionAfterRestart(at: moment(), isTieKept: true) == nil)
    }

    @Test func aKeptTieThatUsedUpItsExtensionStaysOverdueAndNoted() throws {
        let overdue = try tenure(ttl: 60, deadline: moment(-1), isExtended: true, .tied, isOverdueNoted: true)
        #expect(overdue.resumptionAfterRestart(at: moment(), isTieKept: true) == nil)
        let lost = try restarted(overdue, isTieKept: false)
        #expect(lost.deadline == moment(-1) && lost.attachment == .nothing)
        #expect(lost.ending(at: moment().boot)?.cause == .expired)
    }

    @Test func aRevocationOfAKeptTieRunsOn() throws {
        let revoked = try tenure(ttl: 60, deadline: moment(-5), revocation: moment(3), .tied)
        let after = try restarted(revoked, isTieKept: true)
        #expect(after.ending(at: moment(2).boot) == nil)
        #expect(after.ending(at: moment(3).boot)?.cause == .revoked)
    }

    // MARK: - A restart in the same boot

    /// max(its deadline, restart + min(TTL, 10 s)): TTL, seconds left at the restart, seconds left after it.
    @Test(
        arguments: [
            (30, 20, 20), (30, 10, 10), (30, 9, 10), (30, 0, 10), (30, -100, 10), (4, 4, 4), (4, 3, 4), (4, -1, 4),
            (1, 0, 1), (10, 2, 10),
        ] as [(Int64, Int64, Int64)]
    )
    func aRestartLeavesAtLeastTenSecondsOrTheTTL(_ ttl: Int64, _ left: Int64, _ after: Int64) throws {
        let tenure = try tenure(ttl: ttl, deadline: moment(left * Self.second))
        let resumption = tenure.resumptionAfterRestart(at: moment())
        if left == after {
            #expect(resumption == nil)
        } else {
            #expect(resumption?.deadline == moment(after * Self.second))
            #expect(resumption?.isExtension == true)
        }
    }

    @Test func theLastNanosecondDecidesWhetherARestartExtends() throws {
        let grace = 10 * Self.second
        #expect(try tenure(ttl: 60, deadline: moment(grace)).resumptionAfterRestart(at: moment()) == nil)
        #expect(try tenure(ttl: 60, deadline: moment(grace - 1)).resumptionAfterRestart(at: moment()) != nil)
    }

    @Test func aGrantOrRenewalIsExtendedOnce() throws {
        var lease: Tenure? = try tenure(ttl: 60, deadline: moment(Self.second))
        let first = try #require(lease?.resumptionAfterRestart(at: moment()))
        #expect(TenureEvent.resumed(first).apply(to: &lease))
        #expect(lease?.isExtended == true)
        #expect(lease?.resumptionAfterRestart(at: moment(Self.second)) == nil)

        let renewal = Renewal(token: token(8), ttl: try TTL(.seconds(60)), deadline: moment(2), request: nil)
        #expect(TenureEvent.renewed(renewal).apply(to: &lease))
        #expect(lease?.resumptionAfterRestart(at: moment(1)) != nil)
    }

    @Test func aRestartThatNeedsNoExtensionLeavesItForLater() throws {
        let tenure = try tenure(ttl: 60, deadline: moment(60 * Self.second))
        #expect(tenure.resumptionAfterRestart(at: moment()) == nil)
        #expect(tenure.resumptionAfterRestart(at: moment(59 * Self.second))?.deadline == moment(69 * Self.second))
    }

    @Test func aRevocationRunsOnWithoutGrace() throws {
        var lease: Tenure? = try tenure(ttl: 60, deadline: moment(5), revocation: moment(3))
        let resumption = try #require(lease?.resumptionAfterRestart(at: moment(4)))
        #expect(resumption.revocationEnd == nil)
        #expect(TenureEvent.resumed(resumption).apply(to: &lease))
        #expect(lease?.revocation?.end == moment(3))
        #expect(lease?.ending(at: moment(4).boot)?.cause == .revoked)
    }

    // MARK: - A reboot

    /// What the wall clock leaves, at least zero and at most the TTL: TTL, wall seconds left, seconds left after.
    @Test(
        arguments: [
            (30, 20, 20), (30, 30, 30), (30, 31, 30), (30, 1_000_000, 30), (30, 0, 0), (30, -1, 0), (30, -1_000_000, 0),
        ] as [(Int64, Int64, Int64)]
    )
    func aRebootTakesWhatIsLeftFromTheWallClock(_ ttl: Int64, _ left: Int64, _ after: Int64) throws {
        let reboot = Moment(boot: BootInstant(nanoseconds: 77), wall: moment().wall)
        let tenure = try tenure(ttl: ttl, deadline: moment(left * Self.second))
        let resumption = tenure.resumptionAfterReboot(at: reboot)
        #expect(resumption.deadline == reboot.advanced(by: .seconds(after)))
        #expect(resumption.revocationEnd == nil)
        #expect(!resumption.isExtension)
    }

    @Test func wallClocksAtTheEndsOfTimeAreNoTrouble() throws {
        for wall in [Int64.min, 0, .max] {
            for deadline in [Int64.min, 0, .max] {
                let reboot = Moment(boot: BootInstant(nanoseconds: 77), wall: WallInstant(microseconds: wall))
                let old = Moment(boot: BootInstant(nanoseconds: 9), wall: WallInstant(microseconds: deadline))
                let tenure = try tenure(ttl: 30, deadline: old, revocation: old)
                let left: Int64 = deadline > wall ? 30 * Self.second : 0
                #expect(tenure.resumptionAfterReboot(at: reboot).deadline.boot.nanoseconds == 77 + left)
                #expect(tenure.resumptionAfterReboot(at: reboot).revocationEnd?.boot.nanoseconds == 77 + left)
            }
        }
    }

    @Test func aRebootMovesARunningRevocationToo() throws {
        let reboot = Moment(boot: BootInstant(nanoseconds: 77), wall: moment().wall)
        let tenure = try tenure(ttl: 60, deadline: moment(40 * Self.second), revocation: moment(15 * Self.second))
        #expect(tenure.resumptionAfterReboot(at: reboot).revocationEnd == reboot.advanced(by: .seconds(15)))
    }

    @Test func aRebootDoesNotUseUpTheExtensionNorGiveItBack() throws {
        for isExtended in [false, true] {
            var lease: Tenure? = try tenure(ttl: 60, deadline: moment(5), isExtended: isExtended)
            let reboot = Moment(boot: BootInstant(nanoseconds: 0), wall: moment().wall)
            let resumption = try #require(lease?.resumptionAfterReboot(at: reboot))
            #expect(TenureEvent.resumed(resumption).apply(to: &lease))
            #expect(lease?.isExtended == isExtended)
        }
    }
}
