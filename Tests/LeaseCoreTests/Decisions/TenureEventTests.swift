import LeaseCore
import Testing

@Suite struct TenureEventTests {
    private let granted = Tenure(
        fence: token(5),
        token: token(5),
        holder: Holder(uid: 1, gid: 2, pid: 3, owner: .empty),
        ttl: .min,
        deadline: moment(9),
        acquiredAt: moment().wall,
        renewals: 0,
        request: nil,
        revocation: nil,
        isExtended: true
    )

    private var others: [TenureEvent] {
        [
            .renewed(Renewal(token: token(6), ttl: .max, deadline: moment(10), request: nil)),
            .attached(.bound),
            .revoking(Revocation(end: moment(7), reason: .empty)),
            .resumed(Resumption(deadline: moment(11), revocationEnd: nil, isExtension: false)),
            .ended(TenureEnd(.released)),
        ]
    }

    @Test func aGrantFindsTheLeaseFree() {
        var lease: Tenure?
        #expect(TenureEvent.granted(granted).apply(to: &lease))
        #expect(lease == granted)
        #expect(!TenureEvent.granted(granted).apply(to: &lease))
        #expect(lease == granted)
    }

    @Test func anImportFindsTheLeaseFreeOrItsOwnTenure() {
        var lease: Tenure?
        #expect(TenureEvent.imported(granted).apply(to: &lease))
        #expect(lease == granted)
        var longer: Tenure? = granted
        _ = TenureEvent.renewed(Renewal(token: token(6), ttl: .max, deadline: moment(10), request: nil)).apply(
            to: &longer
        )
        if let longer {
            #expect(TenureEvent.imported(longer).apply(to: &lease))
        }
        #expect(lease?.token == token(6) && lease?.ttl == .max && lease?.deadline == moment(10))
        longer = lease
        let other = Tenure(
            fence: token(8),
            token: token(8),
            holder: granted.holder,
            ttl: .min,
            deadline: moment(9),
            acquiredAt: granted.acquiredAt,
            renewals: 0,
            request: nil,
            revocation: nil,
            isExtended: false
        )
        #expect(!TenureEvent.imported(other).apply(to: &lease))
        #expect(lease == longer)
    }

    @Test func anImportLeavesWhatNoEntryTells() throws {
        let id = try RequestID("0123456789abcdef".utf8)
        let request = RequestRecord(id: id, verb: .acquire, uid: granted.holder.uid, replaced: nil)
        func tenure(uid: UInt32, _ last: Int64, _ attachment: Attachment, _ revocation: Revocation?) -> Tenure {
            Tenure(
                fence: token(5),
                token: token(last),
                holder: Holder(uid: uid, gid: 7, pid: Int32(last), owner: .empty),
                ttl: .min,
                deadline: moment(last),
                acquiredAt: WallInstant(microseconds: last),
                renewals: last,
                request: last == 6 ? request : nil,
                revocation: revocation,
                isExtended: last == 6,
                attachment: attachment,
                isOverdueNoted: last == 6
            )
        }
        let revocation = Revocation(end: moment(20), reason: .empty, revoker: nil)
        for (uid, last) in [(1, 6), (1, 9), (2, 6)] as [(UInt32, Int64)] {
            var lease: Tenure? = tenure(uid: 1, 6, .tied, revocation)
            let imported = tenure(uid: uid, last, .nothing, nil)
            #expect(TenureEvent.imported(imported).apply(to: &lease))
            let found = try #require(lease)
            #expect(found.token == imported.token && found.deadline == imported.deadline && found.holder.uid == uid)
            #expect(found.attachment == .tied && found.revocation == revocation && found.isExtended)
            #expect(found.renewals == 6 && found.acquiredAt == WallInstant(microseconds: 6) && !found.isOverdueNoted)
            #expect(found.request == (last == 6 ? request : nil), "its answer is the token")
            #expect(found.holder.pid == (uid == 1 ? 6 : Int32(last)))
        }
    }

    @Test func everyOtherEventFindsATenure() {
        for event in others {
            var lease: Tenure?
            #expect(!event.apply(to: &lease), "\(event)")
            #expect(lease == nil)
            lease = granted
            #expect(event.apply(to: &lease), "\(event)")
        }
    }

    @Test func aRenewalChangesWhatARenewalChanges() {
        let request = RequestRecord(id: .random(), verb: .renew, uid: 1, replaced: token(5))
        var lease: Tenure? = granted
        let renewal = Renewal(token: token(6), ttl: .max, deadline: moment(10), request: request)
        #expect(TenureEvent.renewed(renewal).apply(to: &lease))
        #expect(
            lease
                == Tenure(
                    fence: token(5),
                    token: token(6),
                    holder: granted.holder,
                    ttl: .max,
                    deadline: moment(10),
                    acquiredAt: granted.acquiredAt,
                    renewals: 1,
                    request: request,
                    revocation: nil,
                    isExtended: false
                )
        )
    }

    @Test func aRenewalEndsThatATenureIsOverdue() {
        // A table that lacks the tie of a past tenure is not damaged.
        for attachment in Attachment.allCases {
            var lease: Tenure? = granted
            #expect(TenureEvent.attached(attachment).apply(to: &lease))
            #expect(TenureEvent.overdue.apply(to: &lease))
            #expect(lease?.isOverdueNoted == true)
            let renewal = Renewal(token: token(6), ttl: .max, deadline: moment(10), request: nil)
            #expect(TenureEvent.renewed(renewal).apply(to: &lease))
            #expect(lease?.isOverdueNoted == false)
            #expect(lease?.attachment == attachment)
        }
        var free: Tenure?
        #expect(!TenureEvent.overdue.apply(to: &free))
        #expect(free == nil)
    }

    @Test func aRenewalChangesWhatATenureHangsOnOnlyIfItSaysSo() {
        for before in Attachment.allCases {
            for change in [nil] + Attachment.allCases.map(Optional.some) {
                var lease: Tenure? = granted
                #expect(TenureEvent.attached(before).apply(to: &lease))
                let renewal = Renewal(
                    token: token(6),
                    ttl: .max,
                    deadline: moment(10),
                    request: nil,
                    attachment: change
                )
                #expect(TenureEvent.renewed(renewal).apply(to: &lease))
                #expect(lease?.attachment == change ?? before)
            }
        }
    }

    @Test func aDetachingResumptionLeavesTheTenureToItsTime() {
        var lease: Tenure? = granted
        #expect(TenureEvent.attached(.tied).apply(to: &lease))
        #expect(TenureEvent.overdue.apply(to: &lease))
        let resumption = Resumption(deadline: moment(20), revocationEnd: nil, isExtension: false, isDetached: true)
        #expect(TenureEvent.resumed(resumption).apply(to: &lease))
        #expect(lease?.attachment == .nothing)
        #expect(lease?.isOverdueNoted == false)
        #expect(lease?.end == moment(20).boot)
    }

    @Test func aSecondRevocationReplacesTheFirst() throws {
        var lease: Tenure? = granted
        #expect(TenureEvent.revoking(Revocation(end: moment(7), reason: try Label("one"))).apply(to: &lease))
        let second = Revocation(end: moment(8), reason: try Label("two"))
        #expect(TenureEvent.revoking(second).apply(to: &lease))
        #expect(lease?.revocation == second)
        #expect(lease?.deadline == granted.deadline)
    }

    @Test func aResumptionMovesARevocationOnlyIfOneRuns() {
        var lease: Tenure? = granted
        let resumption = Resumption(deadline: moment(20), revocationEnd: moment(19), isExtension: true)
        #expect(TenureEvent.resumed(resumption).apply(to: &lease))
        #expect(lease?.revocation == nil)
        #expect(lease?.deadline == moment(20))
    }
}
