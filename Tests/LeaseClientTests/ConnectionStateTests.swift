import LeaseCore
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
            whenCancelled: isAwaited ? .awaited : .abandoned,
            undo: isAwaited ? undo : nil
        )
    }

    /// Actions as short texts, for the tests to compare.
    private func text(_ actions: [ConnectionState.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .connect: "connect"
            case .pause(let attempt): "pause \(attempt)"
            case .write(let bytes):
                bytes.getInteger(at: 0) == UInt8(ascii: "*") ? "hello" : "write \(String(buffer: bytes))"
            case .closeChannel: "close"
            case .closeOutput: "close output"
            case .succeed(let id, let answer): "succeed \(id)\(answer.wasRepeated ? " repeated" : "")"
            case .fail(let id, let error): "fail \(id) \(error.code)"
            case .limit(let id): "limit \(id)"
            case .alert(let name, let message): "alert \(name)\(message.map { " \($0.kind)" } ?? "")"
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
        // When connecting fails, commands that were never sent fail; those that were sent are repeated later.
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
        // The answer to the undo belongs to no command, and the order continues after it.
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

    @Test func aCancelledWaitEndsWhatIsSentAndHearsTheRest() {
        var state = ready()
        let wait = ConnectionState.Request(
            id: 1,
            bytes: ByteBuffer(string: "<1>"),
            isRepeatable: false,
            whenCancelled: .endsWait
        )
        _ = state.submit(wait, now: start)
        #expect(text(state.cancel(id: 1)) == ["close output", "limit 1"])
        // The daemon had already granted.
        var granted = state
        #expect(text(granted.received(.integer(7), now: start)) == ["succeed 1"])
        // It had not, and closed the connection.
        #expect(text(state.lost(lost, now: start)) == ["close", "fail 1 connectionClosed"])
    }

    @Test func aWaitThatWasNotSentIsJustGone() {
        var state = ConnectionState(commandLimit: 10, repetitionLimit: .seconds(5))
        let wait = ConnectionState.Request(
            id: 1,
            bytes: ByteBuffer(string: "<1>"),
            isRepeatable: false,
            whenCancelled: .endsWait
        )
        _ = state.submit(wait, now: start)
        #expect(text(state.cancel(id: 1)) == ["fail 1 cancelled"])
    }

    @Test func onlyAQuietConnectionIsGivenAway() {
        var state = ready()
        _ = state.submit(request(1), now: start)
        #expect(state.detach() == nil)
        _ = state.received(.null, now: start)
        #expect(state.detach()?.isEmpty == true)
        #expect(text(state.submit(request(2), now: start)) == ["fail 2 clientClosed"])
        var unconnected = ConnectionState(commandLimit: 10, repetitionLimit: .seconds(5))
        #expect(unconnected.detach() == nil)
    }

    private func message(_ name: String, _ payload: String = "{}") -> RESPValue {
        .push([.text("message"), .text(name), .text(payload)])
    }

    /// The push that answers a `SUBSCRIBE` or an `UNSUBSCRIBE`.
    private func confirmation(_ word: String, _ name: String) -> RESPValue {
        .push([.text(word), .text(name), .integer(1)])
    }

    @Test func watchingConnectsAndAlertsByName() throws {
        let (a, b) = (try LeaseName("a"), try LeaseName("b"))
        var state = ConnectionState(commandLimit: 10, repetitionLimit: .seconds(5))
        #expect(text(state.watch(a)) == ["connect"])
        #expect(text(state.watch(a)) == [])
        #expect(text(state.connected()) == ["hello"])
        // The helper above shows every command of the protocol as "hello".
        #expect(text(state.received(.map([]), now: start)) == ["hello"])
        #expect(text(state.received(confirmation("subscribe", "a"), now: start)) == [])
        #expect(text(state.received(message("a"), now: start)) == ["alert a"])
        let told = #"{"event":"revoked","fence":7,"owner":"me","at_ms":5,"reason":"moved"}"#
        #expect(text(state.received(message("a", told), now: start)) == ["alert a revoked"])
        #expect(text(state.received(message("b"), now: start)) == [])
        #expect(text(state.watch(b)) == ["hello"])
        #expect(text(state.unwatch(a)) == [])
        #expect(text(state.unwatch(a)) == ["hello"])
        #expect(text(state.unwatch(a)) == [])
        #expect(text(state.received(message("a"), now: start)) == [])
    }

    @Test func confirmationsStandInTheOrderOfTheCommands() throws {
        var state = ready()
        _ = state.submit(request(1), now: start)
        _ = state.watch(try LeaseName("a"))
        _ = state.submit(request(2), now: start)
        #expect(text(state.received(.null, now: start)) == ["succeed 1"])
        // A refusal of the subscription is not the answer to any command.
        var refused = state
        #expect(text(refused.received(.error("BUSY too many"), now: start)) == [])
        #expect(text(refused.received(.null, now: start)) == ["succeed 2"])
        #expect(text(state.received(confirmation("subscribe", "a"), now: start)) == [])
        #expect(text(state.received(.null, now: start)) == ["succeed 2"])
    }

    @Test func aSubscriptionThatTheDaemonEndsConfirmsNoOther() throws {
        for (word, name) in [("unsubscribe", "a"), ("unsubscribe", "b"), ("subscribe", "a")] {
            var state = ready()
            _ = state.watch(try LeaseName("b"))
            _ = state.submit(request(1), now: start)
            #expect(text(state.received(confirmation(word, name), now: start)) == [])
            // The refusal still belongs to the subscription.
            #expect(text(state.received(.error("DENIED by a rule"), now: start)) == [], "after \(word) \(name)")
            #expect(text(state.received(.null, now: start)) == ["succeed 1"])
        }
    }

    @Test func aLostConnectionAlertsAndIsSubscribedAnew() throws {
        var state = ready()
        _ = state.watch(try LeaseName("a"))
        #expect(text(state.lost(lost, now: start)) == ["close", "alert a"])
        #expect(text(state.submit(request(1), now: start)) == ["connect"])
        _ = state.connected()
        #expect(text(state.received(.map([]), now: start)) == ["hello", "write <1>"])
    }

    @Test func closingFailsEverythingOnce() {
        var state = ready()
        _ = state.submit(request(1), now: start)
        _ = state.submit(request(2), now: start)
        _ = state.cancel(id: 2)
        #expect(text(state.close()) == ["fail 1 clientClosed", "close"])
        #expect(text(state.lost(lost, now: start)) == [])
        #expect(text(state.submit(request(3), now: start)) == ["fail 3 clientClosed"])
    }
}
