import LeaseCore
import Testing

@testable import LeaseClient

@Suite struct WaitStateTests {
    let start = ContinuousClock.now

    /// A step as a short text.
    private func text(_ step: WaitState.Step) -> String {
        switch step {
        case .join(.none): "join"
        case .join(.upTo(let duration)): "join \(DurationText.format(duration))"
        case .join(.forever): "join forever"
        case .pause(let attempt, nil): "pause \(attempt)"
        case .pause(let attempt, let end?): "pause \(attempt) until \(DurationText.format(start.duration(to: end)))"
        case .fail(let error): "fail \(error.code)"
        }
    }

    private func error(_ code: LeaseClientError.Code) -> LeaseClientError {
        LeaseClientError(code, "")
    }

    @Test func joinsWithWhatIsLeftOfItsTime() {
        let state = WaitState(.upTo(.seconds(5)), now: start)
        #expect(text(state.next(now: start)) == "join 5s")
        #expect(text(state.next(now: start + .milliseconds(1500))) == "join 3s500ms")
        // Rounded up, and never zero: the daemon says when the wait is over.
        #expect(text(state.next(now: start + .microseconds(4_999_900))) == "join 1ms")
        #expect(text(state.next(now: start + .seconds(9))) == "join 1ms")
    }

    @Test(arguments: [LeaseWait.none, .upTo(.zero), .upTo(.seconds(-1))]) func noWaitAsksOnce(_ wait: LeaseWait) {
        var state = WaitState(wait, now: start)
        #expect(text(state.next(now: start)) == "join")
        #expect(text(state.failed(error(.connectionClosed), now: start)) == "fail connectionClosed")
    }

    @Test func forEverHasNoEnd() {
        for wait in [LeaseWait.forever, .upTo(.seconds(Int64.max))] {
            var state = WaitState(wait, now: start)
            #expect(text(state.next(now: start)) == "join forever")
            #expect(text(state.failed(error(.connectionClosed), now: start + .seconds(1_000_000))) == "pause 1")
        }
    }

    @Test func aDaemonThatWasNeverThereIsAnErrorAtOnce() {
        var state = WaitState(.forever, now: start)
        #expect(text(state.failed(error(.connectionFailed), now: start)) == "fail connectionFailed")
        var patient = WaitState(.forever, mayBeAway: true, now: start)
        #expect(text(patient.failed(error(.connectionFailed), now: start)) == "pause 1")
    }

    @Test func aDaemonThatRestartsIsWaitedFor() {
        var state = WaitState(.upTo(.seconds(5)), now: start)
        #expect(text(state.failed(error(.connectionClosed), now: start + .seconds(1))) == "pause 1 until 5s")
        for attempt in 2...4 {
            #expect(
                text(state.failed(error(.connectionFailed), now: start + .seconds(2))) == "pause \(attempt) until 5s"
            )
        }
        #expect(text(state.failed(error(.busy), now: start + .seconds(2))) == "pause 5 until 5s")
        // Back in the queue, and lost again.
        #expect(text(state.failed(error(.connectionClosed), now: start + .seconds(3))) == "pause 1 until 5s")
        #expect(text(state.failed(error(.connectionFailed), now: start + .seconds(5))) == "fail connectionFailed")
    }

    @Test func aGrantThatWasOverBeforeItWasHeardOfIsNone() {
        var state = WaitState(.upTo(.seconds(5)), now: start)
        #expect(text(state.failed(error(.expired), now: start + .seconds(2))) == "join 3s")
    }

    @Test(arguments: [LeaseClientError.Code.timeout, .conflict, .denied, .badTTL, .cancelled, .noAnswer])
    func whatTheDaemonRefusesIsFinal(_ code: LeaseClientError.Code) {
        var state = WaitState(.forever, mayBeAway: true, now: start)
        #expect(text(state.failed(error(code), now: start)) == "fail \(code)")
    }
}
