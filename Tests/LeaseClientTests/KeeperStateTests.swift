import LeaseCore
import Testing

@testable import LeaseClient

@Suite struct KeeperStateTests {
    let start = ContinuousClock.now
    let lease: Lease

    init() throws {
        lease = Lease(
            name: try LeaseName("backup"),
            fence: try token(7),
            token: try token(7),
            ttl: try TTL(.seconds(40)),
            deadline: start + .seconds(40)
        )
    }

    private func keeper(isShared: Bool = false) -> KeeperState {
        KeeperState(
            lease: lease,
            grace: .seconds(10),
            isShared: isShared,
            pause: .seconds(1),
            now: start,
            jitter: 1
        )
    }

    private func at(_ seconds: Double) -> ContinuousClock.Instant {
        start + .seconds(seconds)
    }

    @Test func renewsAfterAThirdOfWhatIsLeftBeforeTheGrace() {
        let state = keeper()
        #expect(state.step(now: start) == .sleep(until: at(10)))
        #expect(state.step(now: at(9.999)) == .sleep(until: at(10)))
        #expect(state.step(now: at(10)) == .renew(until: nil))
    }

    @Test func aRenewalMovesTheDeadlineAndTheNextRenewal() throws {
        var state = keeper()
        let renewed = Lease(
            name: lease.name,
            fence: lease.fence,
            token: try token(9),
            ttl: lease.ttl,
            deadline: at(50)
        )
        state.renewed(renewed, now: at(10), jitter: 0.5)
        #expect(state.lease == renewed)
        #expect(state.step(now: at(10)) == .sleep(until: at(15)))
    }

    @Test func anUnreachableDaemonIsTriedForEver() {
        var state = keeper()
        state.failed(LeaseClientError(.connectionFailed, "gone"), now: at(10))
        #expect(state.step(now: at(10)) == .sleep(until: at(11)))
        #expect(state.step(now: at(11)) == .renew(until: nil))
        // Also past the deadline: nobody can be granted meanwhile.
        state.failed(LeaseClientError(.timedOut, "slow"), now: at(100))
        #expect(state.step(now: at(101)) == .renew(until: nil))
    }

    @Test func onASharedStoreItIsLostAtTheDeadlineLessTheGrace() {
        var state = keeper(isShared: true)
        #expect(state.step(now: at(10)) == .renew(until: at(30)))
        state.failed(LeaseClientError(.connectionFailed, "gone"), now: at(29.5))
        #expect(state.step(now: at(29.5)) == .sleep(until: at(30)))
        guard case .lost(let loss) = state.step(now: at(30)) else {
            Issue.record("it is not lost")
            return
        }
        #expect(loss.reason == .unrenewable)
    }

    @Test func aDaemonThatAnswersAndWillNotRenewIsLostAtTheSameInstant() {
        var state = keeper()
        state.failed(LeaseClientError(.ioError, "the disk is full"), now: at(29.5))
        #expect(state.step(now: at(29.999)) == .sleep(until: at(30)))
        guard case .lost(let loss) = state.step(now: at(30)) else {
            Issue.record("it is not lost")
            return
        }
        #expect(loss.reason == .unrenewable && loss.message.contains("the disk is full"))
        // But not if it is unreachable by then, which is another matter.
        state.failed(LeaseClientError(.connectionFailed, "gone"), now: at(29.9))
        #expect(state.step(now: at(31)) == .renew(until: nil))
    }

    @Test func revokedIsLostAtOnce() {
        var state = keeper()
        state.failed(LeaseClientError(.revoked, "stop now"), now: at(10))
        #expect(state.step(now: at(10)) == .lost(LeaseLoss(.revoked, "stop now")))
    }

    @Test func expiredAsksForTheHolderFirst() throws {
        var state = keeper()
        state.failed(LeaseClientError(.expired, "over"), now: at(10))
        #expect(state.step(now: at(10)) == .look(until: nil))
        // A question that fails is asked again, after a pause.
        state.failed(LeaseClientError(.connectionClosed, "gone"), now: at(10))
        #expect(state.step(now: at(10)) == .sleep(until: at(11)))
        #expect(state.step(now: at(11)) == .look(until: nil))
        state.looked(nil, sentAt: at(11), now: at(11), jitter: 1)
        guard case .lost(let loss) = state.step(now: at(11)) else {
            Issue.record("it is not lost")
            return
        }
        #expect(loss.reason == .expired)
    }
}
