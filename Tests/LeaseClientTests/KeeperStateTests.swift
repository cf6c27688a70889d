import Glibc
import LeaseCore
import LeaseWire
import NIOCore
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

    private func keeper(
        grace: Duration = .seconds(10),
        isLostAtDeadline: Bool = false,
        holding: LeaseHolding = .byTime
    ) -> KeeperState {
        KeeperState(
            lease: lease,
            grace: grace,
            isLostAtDeadline: isLostAtDeadline,
            holding: holding,
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

    @Test(arguments: [39.999, 40, 100])
    func aGraceThatLeavesNothingOfTheTTLStillPausesBetweenRenewals(grace: Double) throws {
        var state = keeper(grace: .seconds(grace))
        state.renewed(lease, now: start, jitter: 0.5)
        #expect(state.step(now: start) == .sleep(until: at(1)))
        // Near its end the pause is short.
        state.renewed(lease, now: at(39.4), jitter: 0.5)
        #expect(state.step(now: at(39.7)) == .renew(until: nil))
    }

    @Test func onASharedStoreNoPauseGoesBeyondWhatIsLeftBeforeTheGrace() {
        var state = keeper(grace: .seconds(39.4), isLostAtDeadline: true)
        state.renewed(lease, now: start, jitter: 1)
        #expect(state.step(now: at(0.21)) == .renew(until: lease.deadline - .seconds(39.4)))
    }

    @Test func anUnreachableDaemonIsTriedForEver() {
        var state = keeper()
        state.failed(LeaseClientError(.connectionFailed, "gone"), now: at(10))
        #expect(state.step(now: at(10)) == .sleep(until: at(11)))
        #expect(state.step(now: at(11)) == .renew(until: nil))
        // Even past the deadline: nobody can be granted the lease meanwhile.
        state.failed(LeaseClientError(.noAnswer, "slow"), now: at(100))
        #expect(state.step(now: at(101)) == .renew(until: nil))
    }

    @Test(arguments: [EACCES, EMFILE])
    func whoAloneDoesNotGetToTheDaemonHasLostItAtTheDeadlineLessTheGrace(error: CInt) {
        let failure = LeaseClientError(
            .connectionFailed,
            "not for you",
            underlyingError: IOError(errnoCode: error, reason: "connect")
        )
        var state = keeper()
        state.failed(failure, now: at(11))
        #expect(state.step(now: at(29.9)) == .renew(until: nil))
        guard case .lost(let loss) = state.step(now: at(30)) else {
            Issue.record("it goes on")
            return
        }
        #expect(loss.message.contains("not for you"))
        // An open tie holds the lease; one that cannot be made again does not.
        var tied = keeper(holding: .tied)
        tied.failed(failure, now: at(11))
        #expect(tied.step(now: at(30)) == .renew(until: nil))
        tied.detached(now: at(30))
        tied.attachingFailed(failure, now: at(30))
        guard case .lost = tied.step(now: at(30)) else {
            Issue.record("it goes on")
            return
        }
    }

    @Test func withItsClientClosedItIsLost() {
        var state = keeper()
        state.failed(.closed, now: at(11))
        guard case .lost = state.step(now: at(11)) else {
            Issue.record("it goes on")
            return
        }
    }

    @Test func onASharedStoreItIsLostAtTheDeadlineLessTheGrace() {
        var state = keeper(isLostAtDeadline: true)
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
        // But not if the daemon is unreachable by then, which is treated differently.
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
        // A failed question is repeated after a pause.
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

    @Test(arguments: [LeaseHolding.bound, .tied]) func whatItHangsOnIsMadeAnewAtOnceAndThenAgainAfterAPause(
        _ holding: LeaseHolding
    ) {
        var state = keeper(holding: holding)
        state.detached(now: at(2))
        #expect(state.step(now: at(2)) == .attach(until: nil))
        state.attachingFailed(LeaseClientError(.connectionFailed, "gone"), now: at(2))
        // A connection that is known to have ended does not end again.
        state.detached(now: at(2))
        #expect(state.step(now: at(2)) == .sleep(until: at(3)))
        #expect(state.step(now: at(3)) == .attach(until: nil))
        state.attached(nil, now: at(3), jitter: 1)
        #expect(state.step(now: at(3)) == .sleep(until: at(10)))
        // Renewals continue meanwhile.
        state.detached(now: at(9.5))
        state.attachingFailed(LeaseClientError(.connectionFailed, "gone"), now: at(9.5))
        #expect(state.step(now: at(9.5)) == .sleep(until: at(10)))
        #expect(state.step(now: at(10)) == .renew(until: nil))
    }

    @Test func whatIsHeldByTimeHangsOnNothing() {
        var state = keeper()
        state.detached(now: at(2))
        #expect(state.step(now: at(2)) == .sleep(until: at(10)))
    }

    @Test func bindingAnewIsARenewal() throws {
        var state = keeper(holding: .bound)
        state.detached(now: at(8))
        let bound = Lease(name: lease.name, fence: lease.fence, token: try token(9), ttl: lease.ttl, deadline: at(48))
        state.attached(bound, now: at(8), jitter: 1)
        #expect(state.lease == bound)
        #expect(state.step(now: at(8)) == .sleep(until: at(18)))
    }

    @Test func attachingWithAnOldTokenLooksFirst() throws {
        var state = keeper(holding: .tied)
        state.detached(now: at(2))
        state.attachingFailed(LeaseClientError(.expired, "not the newest"), now: at(2))
        #expect(state.step(now: at(2)) == .look(until: nil))
        state.looked(try leaseStatus("backup", token: 9, fence: 7), sentAt: at(2), now: at(2), jitter: 1)
        #expect(try state.lease.token == token(9))
        #expect(state.step(now: at(2)) == .attach(until: nil))
        state.attachingFailed(LeaseClientError(.revoked, "stop"), now: at(2))
        #expect(state.step(now: at(2)) == .lost(LeaseLoss(.revoked, "stop")))
    }

    @Test func aTiedLeaseIsNotLostByARefusal() {
        var state = keeper(holding: .tied)
        state.failed(LeaseClientError(.ioError, "the disk is full"), now: at(29.5))
        #expect(state.step(now: at(30)) == .sleep(until: at(30.5)))
        #expect(state.step(now: at(100)) == .renew(until: nil))
        // Without its tie the lease is held by time only.
        state.detached(now: at(100))
        guard case .lost(let loss) = state.step(now: at(100)) else {
            Issue.record("it is not lost")
            return
        }
        #expect(loss.reason == .unrenewable)
    }

    @Test func onASharedStoreATieDoesNotHoldAgainstTime() {
        let state = keeper(isLostAtDeadline: true, holding: .tied)
        guard case .lost = state.step(now: at(30)) else {
            Issue.record("it is not lost")
            return
        }
    }

    @Test func anAlertAsksForTheHolderAtOnce() throws {
        var state = keeper()
        state.alerted(now: at(2))
        #expect(state.step(now: at(2)) == .look(until: nil))
        var revoked = state
        revoked.looked(
            try leaseStatus("backup", token: 7, fence: 7, state: .revoking),
            sentAt: at(2),
            now: at(2),
            jitter: 1
        )
        // The refusal of a renewal gives the reason.
        #expect(revoked.step(now: at(2)) == .renew(until: nil))
        var refused = revoked
        refused.failed(LeaseClientError(.revoked, "it is being revoked (moved)"), now: at(2))
        #expect(refused.step(now: at(2)) == .lost(LeaseLoss(.revoked, "it is being revoked (moved)")))
        // Even without a reason it is lost.
        revoked.failed(LeaseClientError(.connectionClosed, "gone"), now: at(2))
        let loss = LeaseLoss(.revoked, "lease 'backup' is being ended by force")
        #expect(revoked.step(now: at(2)) == .lost(loss))
        state.looked(try leaseStatus("backup", token: 7, fence: 7), sentAt: at(2), now: at(2), jitter: 1)
        #expect(state.lease.deadline == at(12))
        // A lost lease stays lost.
        revoked.alerted(now: at(3))
        #expect(revoked.step(now: at(3)) == .lost(loss))
    }

    @Test(arguments: [7, 8] as [Int64], [true, false])
    func whatTheDaemonToldIsTheReason(fence: Int64, isOver: Bool) throws {
        var state = keeper()
        let message = LeaseEvent(
            name: lease.name,
            kind: isOver ? .revoked : .revoking,
            fence: try token(fence),
            owner: "me",
            atMilliseconds: 0,
            reason: "moved"
        )
        state.alerted(by: message, now: at(2))
        let status = try leaseStatus("backup", token: 7, fence: 7, state: .revoking)
        state.looked(isOver ? nil : status, sentAt: at(2), now: at(2), jitter: 1)
        let forced = LeaseLoss(.revoked, "lease 'backup' is being ended by force: moved")
        switch (state.step(now: at(2)), fence, isOver) {
        case (let step, 7, _): #expect(step == .lost(forced))
        case (.lost(let loss), _, true): #expect(loss.reason == .expired)
        case (let step, _, _): #expect(step == .renew(until: nil))
        }
    }

    @Test func whoMayNotAskRenews() throws {
        var state = keeper()
        state.alerted(now: at(2))
        state.failed(LeaseClientError(.denied, "by a rule"), now: at(2))
        #expect(state.step(now: at(2)) == .sleep(until: at(3)))
        #expect(state.step(now: at(3)) == .renew(until: nil))
        // Even with a token that is not the newest: the lease is lost in time.
        state.failed(LeaseClientError(.expired, "over"), now: at(3))
        #expect(state.step(now: at(3)) == .look(until: nil))
        state.failed(LeaseClientError(.denied, "by a rule"), now: at(29.5))
        guard case .lost(let loss) = state.step(now: at(30)) else {
            Issue.record("it is not lost")
            return
        }
        #expect(loss.reason == .unrenewable && loss.message.contains("by a rule"))
    }
}
