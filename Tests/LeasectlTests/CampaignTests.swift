import Glibc
import LeaseCore
import Testing

@testable import leasectl

@Suite struct CampaignTests {
    private let backoff = Duration.seconds(2)

    private static func refusal(_ kind: Refusal.Kind) -> Conclusion {
        .notAcquired(Refusal(kind: kind, message: ""))
    }

    private static let granted: [Conclusion] = [
        .ended(.exited(0)), .ended(.exited(1)), .ended(.signalled(SIGSEGV)), .lost(.revoked(""), nil),
        .atMostReached(nil), .onWinFailed(.exited(1)), .notStarted(.notFound),
    ]

    private func step(
        after conclusion: Conclusion,
        wasGranted: Bool = true,
        isOnce: Bool = false,
        stopSignal: Int32? = nil
    ) -> Campaign.Step {
        var campaign = Campaign(backoff: backoff, isOnce: isOnce)
        return campaign.ended(conclusion, wasGranted: wasGranted, stopSignal: stopSignal)
    }

    @Test func successResigns() {
        #expect(step(after: .ended(.exited(0))) == .finish)
    }

    @Test(
        arguments: [.ended(.exited(1)), .ended(.signalled(SIGSEGV)), .atMostReached(nil), .onWinFailed(.exited(1))]
            as [Conclusion]
    )
    func failureCampaignsAgainAfterTheBackoff(conclusion: Conclusion) {
        #expect(step(after: conclusion) == .campaign(after: backoff))
    }

    @Test func lossCampaignsAgainAtOnce() {
        #expect(step(after: .lost(.revoked(""), .exited(0))) == .campaign(after: .zero))
    }

    @Test func commandThatCannotBeStartedIsHopeless() {
        #expect(step(after: .notStarted(.notFound)) == .finish)
    }

    @Test(arguments: granted)
    func onceIsOnce(conclusion: Conclusion) {
        #expect(step(after: conclusion, isOnce: true) == .finish)
    }

    @Test(arguments: granted)
    func whoWasAskedToStopDoesNotCampaignAgain(conclusion: Conclusion) {
        #expect(step(after: conclusion, stopSignal: SIGTERM) == .finish)
    }

    @Test(arguments: Refusal.Kind.allCases, [false, true])
    func refusalBeforeTheFirstTermIsTheEnd(kind: Refusal.Kind, isOnce: Bool) {
        #expect(step(after: Self.refusal(kind), wasGranted: false, isOnce: isOnce) == .finish)
    }

    @Test(arguments: Refusal.Kind.allCases)
    func daemonThatWasKnownIsWaitedFor(kind: Refusal.Kind) {
        var campaign = Campaign(backoff: .zero, isOnce: false)
        _ = campaign.ended(.ended(.exited(1)), wasGranted: true, stopSignal: nil)
        let step = campaign.ended(Self.refusal(kind), wasGranted: false, stopSignal: nil)
        let isAway = kind == .unreachable || kind == .unable || kind == .closed || kind == .shortage
        #expect(step == (isAway ? .campaign(after: Campaign.leastPause) : .finish))
    }

    @Test func runWithoutALeaseIsNoTerm() {
        #expect(step(after: .ended(.exited(1)), wasGranted: false) == .finish)
        #expect(step(after: .skipped(Refusal(kind: .unreachable, message: "")), wasGranted: false) == .finish)
        #expect(step(after: .interrupted(SIGTERM), wasGranted: false) == .finish)
    }
}
