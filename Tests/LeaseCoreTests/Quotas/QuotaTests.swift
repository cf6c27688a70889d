import LeaseCore
import Testing

/// How many places a caller may have.
@Suite struct QuotaTests {
    private func counts(_ byUser: [UInt32: Int]) -> UserCounts {
        var counts = UserCounts()
        for (uid, count) in byUser {
            for _ in 0..<count { counts.add(uid) }
        }
        return counts
    }

    private func caller(_ uid: UInt32, isAdministrator: Bool = false) -> Caller {
        Caller(uid: uid, gid: uid, pid: 1, isAdministrator: isAdministrator)
    }

    /// Every quota, every pair of counts and every additional number, against the wording of the contract.
    @Test func aCallerIsRefusedExactlyWhatIsOverALimit() {
        for (total, perUser, reserved) in [(6, 3, 0), (6, 3, 2), (4, 9, 1), (2, 1, 3)] {
            let quota = Quota(total: total, perUser: perUser, reservedForAdministrators: reserved)
            for (own, others, more) in (0...7).flatMap({ own in
                (0...7).flatMap { others in (1...4).map { (own, others, $0) } }
            }) {
                let counts = counts([1: own, 2: others])
                let fitsUser = own + more <= perUser
                let expected: Quota.Overrun? =
                    own + others + more > total - reserved ? .total : fitsUser ? nil : .user
                #expect(quota.overrun(by: more, of: caller(1), counts) == expected)
                #expect(
                    quota.overrun(by: more, of: caller(1, isAdministrator: true), counts)
                        == (own + others + more > total ? .total : nil)
                )
            }
        }
    }

    @Test func aQuotaWithoutAnEndRefusesNobody() {
        let quota = Quota(total: .max, perUser: .max, reservedForAdministrators: 16)
        #expect(quota.overrun(by: 65_536, of: caller(1), counts([1: 3, 2: 4])) == nil)
    }

    @Test func countsAreThoseOfEachUserAndOfAll() {
        var counts = counts([1: 2, 2: 1])
        #expect(counts.total == 3 && counts[1] == 2 && counts[2] == 1 && counts[3] == 0)
        counts.remove(3)
        #expect(counts.total == 3, "a user who has none")
        counts.remove(1)
        counts.remove(1)
        counts.remove(1)
        #expect(counts.total == 1 && counts[1] == 0 && counts[2] == 1)
        counts.remove(2)
        #expect(counts == UserCounts(), "nothing is kept of users who have none")
    }
}
