import LeaseWire
import NIOCore
import Testing

@testable import LeaseClient

@Suite struct ConnectionStateTests {
    let start = ContinuousClock.now

    private let undo: @Sendable (RESPValue) -> ByteBuffer? = { reply in
        reply.integer.map { ByteBuffer(string: "<undo \($0)>") }
    }

    private func request(_ id: Int, isRepeatable: Bool = true, isAwaited: Bool = false) -> ConnectionState.Request {
        ConnectionState.Request(
            id: id,
            bytes: ByteBuffer(string: "<\(id)>"),
            isRepeatable: isRepeatable,
            isAwaitedWhenCancelled: isAwaited,
            undo: isAwaited ? undo : nil
        )
    }

    /// Actions in short: what a test reads.
    private func text(_ actions: [ConnectionState.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .connect: "connect"
            case .pause(let attempt): "pause \(attempt)"
            case .write(let bytes):
                bytes.getInteger(at: 0) == UInt8(ascii: "*") ? "hello" : "write \(String(buffer: bytes))"
            case .closeChannel: "close"
            case .succeed(let id, let answer): "succeed \(id)\(answer.wasRepeated ? " repeated" : "")"
            case .fail(let id, let error): "fail \(id) \(error.code)"
            case .limit(let id): "limit \(id)"
            }
        }
    }

    private func ready(commandLimit: Int = 10) -> ConnectionState {
        var state = ConnectionState(commandLimit: commandLimit, repetitionLimit: .seconds(5))
        _ = state.submit(request(0), now: start)
        _ = state.connected()
        _ = state.received(.map([]), now: start)
        _ = state.received(.null, now: start)
        return state
    }

    private let lost = LeaseClientError(.connectionFailed, "gone")

    @Test func connectsWhenThereIsSomethingToSend() {
        var state = ConnectionState(commandLimit: 10, repetitionLimit: .seconds(5))
        #expect(text(state.submit(request(1), now: start)) == ["connect"])
        #expect(text(state.submit(request(2), now: start)) == [])
        #expect(text(state.connected()) == ["hello"])
        #expect(text(state.submit(request(3), now: start)) == [])
        #expect(text(state.received(.map([]), now: start)) == ["write <1><2><3>"])
        #expect(text(state.submit(request(4), now: start)) == ["write <4>"])
    }

    @Test func answersGoToTheCommandsInTheirOrder() {
        var state = ready()
        for id in 1...3 { _ = state.submit(request(id), now: start) }
        for id in 1...3 { #expect(text(state.received(.null, now: start)) == ["succeed \(id)"]) }
    }

    @Test func anEventAnswersNoCommand() {
        var state = ready()
        _ = state.submit(request(1), now: start)
        #expect(text(state.received(.push([.text("x")]), now: start)) == [])
        #expect(text(state.received(.null, now: start)) == ["succeed 1"])
    }

    @Test func anAnswerToNothingEndsTheConnection() {
        var state = ready()
        #expect(text(state.received(.null, now: start)) == ["close"])
        #expect(text(state.submit(request(1), now: start)) == ["connect"])
    }

    @Test func whatIsUnderWayIsBounded() {
        var state = ready(commandLimit: 2)
        _ = state.submit(request(1), now: start)
        _ = state.submit(request(2), now: start)
        #expect(text(state.submit(request(3), now: start)) == ["fail 3 busy"])
        _ = state.received(.null, now: start)
        #expect(text(state.submit(request(4), now: start)) == ["write <4>"])
    }

    @Test func aLostConnectionRepeatsWhatIsSafeInItsOrder() {
        var state = ready()
        _ = state.submit(request(1), now: start)
        _ = state.submit(request(2, isRepeatable: false), now: start)
        _ = state.submit(request(3), now: start)
        #expect(text(state.lost(lost, now: start)) == ["close", "fail 2 connectionClosed", "pause 1"])
        _ = state.submit(request(4), now: start)
        #expect(text(state.pauseEnded()) == ["connect"])
        // What was never sent fails when connecting fails; what was sent is tried further.
        #expect(text(state.lost(lost, now: start + .seconds(4))) == ["close", "fail 4 connectionFailed", "pause 2"])
        #expect(text(state.pauseEnded()) == ["connect"])
        #expect(text(state.connected()) == ["hello"])
        #expect(text(state.received(.map([]), now: start)) == ["write <1><3>"])
        #expect(text(state.received(.null, now: start)) == ["succeed 1 repeated"])
        #expect(text(state.submit(request(5), now: start)) == ["write <5>"])
        #expect(text(state.received(.null, now: start)) == ["succeed 3 repeated"])
        #expect(text(state.received(.null, now: start)) == ["succeed 5"])
    }

    @Test func repeatingEndsAtItsLimitCountedFromTheFirstLoss() {
        var state = ready()
        _ = state.submit(request(1), now: start)
        _ = state.lost(lost, now: start)
        _ = state.pauseEnded()
        _ = state.connected()
        _ = state.received(.map([]), now: start + .seconds(3))
        #expect(text(state.lost(lost, now: start + .seconds(4.9))) == ["close", "pause 1"])
        _ = state.pauseEnded()
        #expect(text(state.lost(lost, now: start + .seconds(5))) == ["close", "fail 1 connectionClosed"])
    }

    @Test func aCancelledCommandKeepsItsPlaceInTheOrder() {
        var state = ready()
        _ = state.submit(request(1), now: start)
        _ = state.submit(request(2), now: start)
        #expect(text(state.cancel(id: 1)) == ["fail 1 cancelled"])
        #expect(text(state.cancel(id: 1)) == [])
        #expect(text(state.received(.null, now: start)) == [])
        #expect(text(state.received(.null, now: start)) == ["succeed 2"])
    }

    @Test func aCommandThatMayHaveMadeSomethingIsAwaitedThenUndone() {
        var state = ready()
        _ = state.submit(request(1, isAwaited: true), now: start)
        #expect(text(state.cancel(id: 1)) == ["limit 1"])
        #expect(text(state.abandon(id: 1, .cancelled)) == ["fail 1 cancelled"])
        #expect(text(state.received(.integer(7), now: start)) == ["write <undo 7>"])
        // The answer of that is nobody's, and the order goes on behind it.
        _ = state.submit(request(2), now: start)
        #expect(text(state.received(.null, now: start)) == [])
        #expect(text(state.received(.null, now: start)) == ["succeed 2"])
    }

    @Test func aCommandThatWasNotSentIsNotAwaited() {
        var state = ConnectionState(commandLimit: 10, repetitionLimit: .seconds(5))
        _ = state.submit(request(1, isAwaited: true), now: start)
        #expect(text(state.cancel(id: 1)) == ["fail 1 cancelled"])
        #expect(text(state.connected()) == ["hello"])
        #expect(text(state.received(.map([]), now: start)) == [])
    }

    @Test func closingFailsEverythingOnce() {
        var state = ready()
        _ = state.submit(request(1), now: start)
        _ = state.submit(request(2), now: start)
        _ = state.cancel(id: 2)
        #expect(text(state.close()) == ["fail 1 connectionClosed", "close"])
        #expect(text(state.lost(lost, now: start)) == [])
        #expect(text(state.submit(request(3), now: start)) == ["fail 3 connectionClosed"])
    }
}
