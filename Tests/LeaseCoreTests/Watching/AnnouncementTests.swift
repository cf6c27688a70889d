import LeaseCore
import Testing

@Suite struct AnnouncementTests {
    private let name: LeaseName
    private let tenure: Tenure
    private let at = moment().wall

    init() throws {
        name = try LeaseName("a")
        tenure = Tenure(
            fence: token(5),
            token: token(9),
            holder: Holder(uid: 1, gid: 2, pid: 3, owner: try Label("backup")),
            ttl: try TTL(.seconds(30)),
            deadline: moment(30_000_000_000),
            acquiredAt: moment().wall,
            renewals: 1,
            request: nil,
            revocation: nil,
            isExtended: false
        )
    }

    private func told(_ event: TenureEvent, before: Tenure?) -> Announcement? {
        Announcement(event, on: name, before: before, at: at)
    }

    private func announcement(_ event: Announcement.Event) -> Announcement {
        Announcement(name: name, fence: token(5), owner: tenure.holder.owner, at: at, event: event)
    }

    @Test func beginningsAreTold() {
        #expect(told(.granted(tenure), before: nil) == announcement(.acquired(ttl: tenure.ttl)))
        #expect(told(.imported(tenure), before: nil) == announcement(.acquired(ttl: tenure.ttl)))
        #expect(told(.imported(tenure), before: tenure) == nil, "the holder is who it was")
    }

    @Test func endsAreToldOfTheTenureThatWas() throws {
        let reason = try Label("why")
        #expect(told(.ended(TenureEnd(.released)), before: tenure) == announcement(.released))
        #expect(told(.ended(TenureEnd(.expired)), before: tenure) == announcement(.expired))
        #expect(told(.ended(TenureEnd(.lost)), before: tenure) == announcement(.lost))
        #expect(told(.overdue, before: tenure) == announcement(.overdue))
        #expect(
            told(.ended(TenureEnd(.revoked, reason: reason)), before: tenure) == announcement(.revoked(reason: reason))
        )
        #expect(
            told(.ended(.removal), before: tenure) == announcement(.revoked(reason: try Label("removed")))
        )
    }

    @Test func runningRevocationIsToldWithItsTime() throws {
        let reason = try Label("why")
        let revocation = Revocation(end: moment(2_500_000_000), reason: reason)
        #expect(
            told(.revoking(revocation), before: tenure) == announcement(.revoking(reason: reason, after: .seconds(2.5)))
        )
        let past = Revocation(end: moment(-1_000_000_000), reason: reason)
        #expect(told(.revoking(past), before: tenure) == announcement(.revoking(reason: reason, after: .zero)))
    }

    @Test func renewalsAttachmentsAndRestartsAreNotTold() {
        let renewal = Renewal(token: token(10), ttl: tenure.ttl, deadline: moment(60_000_000_000), request: nil)
        let resumption = Resumption(deadline: moment(40_000_000_000), revocationEnd: nil, isExtension: true)
        #expect(told(.renewed(renewal), before: tenure) == nil)
        #expect(told(.attached(.tied), before: tenure) == nil)
        #expect(told(.resumed(resumption), before: tenure) == nil)
    }
}
