import LeaseCore
import Testing

@testable import LeaseStore

/// Which leases a start looks at again: all that a restart may change, and few others.
@Suite struct ReturningLeasesTests {
    private let start = BootInstant(nanoseconds: 0)
    private let name: LeaseName

    init() throws {
        name = try LeaseName("lease")
    }

    private func tenure(lasting left: Duration, _ attachment: Attachment = .nothing) throws -> Tenure {
        let now = Moment(boot: start, wall: WallInstant(microseconds: 1))
        return Tenure(
            fence: .min,
            token: .min,
            holder: Holder(uid: 1, gid: 1, pid: 1, owner: .empty),
            ttl: .max,
            deadline: now.advanced(by: left),
            acquiredAt: now.wall,
            renewals: 0,
            request: nil,
            revocation: nil,
            isExtended: false,
            attachment: attachment
        )
    }

    private func noted(_ tenure: Tenure, after readingTime: Duration = .zero) -> [LeaseName]? {
        var returning = ReturningLeases(from: start)
        returning.note(name, tenure)
        return returning.names(at: start.advanced(by: readingTime))
    }

    @Test(arguments: [Attachment.bound, .tied])
    func whatHangsOnSomethingIsLookedAtHoweverLongItLasts(attachment: Attachment) throws {
        #expect(noted(try tenure(lasting: .seconds(86_400), attachment)) == [name])
    }

    /// The restart gives time at a moment later than the one at which reading began.
    @Test func whatARestartMayGiveTimeToIsLookedAtHoweverLongReadingTook() throws {
        for reading in stride(from: 0, through: 120, by: 1).map({ Duration.seconds($0) }) {
            for left in [Duration.zero, .seconds(5), reading + .seconds(10) - .nanoseconds(1)] {
                let tenure = try tenure(lasting: left)
                let now = Moment(boot: start.advanced(by: reading), wall: WallInstant(microseconds: 1))
                guard tenure.resumptionAfterRestart(at: now) != nil else { continue }
                #expect(noted(tenure, after: reading) == [name], "\(left) left, \(reading) of reading")
            }
        }
    }

    @Test func whatLastsLongIsNot() throws {
        #expect(noted(try tenure(lasting: .seconds(3600))) == [])
    }

    @Test func afterReadingThatTookTooLongItMayBeAny() throws {
        let lasting = try tenure(lasting: .seconds(3600))
        #expect(noted(lasting, after: .seconds(120)) == [])
        #expect(noted(lasting, after: .seconds(120) + .nanoseconds(1)) == nil)
    }
}
