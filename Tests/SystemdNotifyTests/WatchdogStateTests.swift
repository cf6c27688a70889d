import Testing

@testable import SystemdNotify

@Suite struct WatchdogStateTests {
    private let start = SuspendingClock.now
    private var state = WatchdogState(commitLimit: .seconds(60))

    private mutating func tick(at seconds: Int, commitAge: Duration? = nil) -> WatchdogState.Action {
        state.tick(now: start.advanced(by: .seconds(seconds)), commitAge: commitAge)
    }

    @Test mutating func eachAnsweredPingFeedsOnceAndTheNextTickAsksAgain() {
        #expect(tick(at: 0) == .ask(1))
        #expect(state.pong(1) == .feed)
        #expect(state.pong(1) == nil)
        #expect(tick(at: 5) == .ask(2))
    }

    @Test mutating func unansweredPingStarvesAndIsNotAskedAgain() {
        #expect(tick(at: 0) == .ask(1))
        #expect(tick(at: 5) == .starve(.seconds(5)))
        #expect(tick(at: 10) == .starve(.seconds(10)))
        #expect(state.pong(1) == .feed)
        #expect(tick(at: 15) == .ask(2))
    }

    @Test mutating func answerToAnEarlierPingProvesNothing() {
        #expect(tick(at: 0) == .ask(1))
        #expect(state.pong(1) == .feed)
        #expect(tick(at: 5) == .ask(2))
        #expect(state.pong(1) == nil)
        #expect(state.pong(3) == nil)
        #expect(tick(at: 10) == .starve(.seconds(5)))
    }

    @Test mutating func answerWithoutAQuestionProvesNothing() {
        #expect(state.pong(0) == nil)
        #expect(state.pong(1) == nil)
    }

    @Test mutating func commitAtItsLimitIsAHang() {
        #expect(tick(at: 0, commitAge: .zero) == .ask(1))
        #expect(tick(at: 59, commitAge: .seconds(60) - .nanoseconds(1)) == .feed)
        #expect(tick(at: 60, commitAge: .seconds(60)) == .starve(.seconds(60)))
        #expect(tick(at: 61, commitAge: .seconds(61)) == .starve(.seconds(61)))
    }

    @Test mutating func endedCommitIsNoExcuse() {
        #expect(tick(at: 0) == .ask(1))
        #expect(tick(at: 5, commitAge: .seconds(5)) == .feed)
        #expect(tick(at: 10) == .starve(.seconds(10)))
    }

    @Test mutating func endlessShortCommitsAreAHangAfterTwiceTheLimit() {
        #expect(tick(at: 0) == .ask(1))
        #expect(tick(at: 119, commitAge: .seconds(1)) == .feed)
        #expect(tick(at: 120, commitAge: .seconds(1)) == .starve(.seconds(120)))
    }
}
