import LeaseCore
import LeaseWire
import NIOCore
import Testing

@testable import LeaseClient

@Suite struct WatchStateTests {
    private let gone = LeaseClientError(.connectionFailed, "gone")

    /// Actions as short texts.
    private func text(_ actions: [WatchState.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .connect: "connect"
            case .pause(let attempt): "pause \(attempt)"
            case .write(var bytes): words(&bytes)
            case .closeChannel: "close"
            case .tell(.state(let leases)): "state \(leases.map { "\($0.name)" })"
            case .tell(.event(let event)): "\(event.kind) \(event.name) \(event.fence)"
            case .tell(.interrupted(let error)): "interrupted \(error.code)"
            case .fail(let error): "fail \(error.code)"
            }
        }
    }

    private func words(_ bytes: inout ByteBuffer) -> String {
        var parser = RESPCommandParser()
        guard let frame = try? parser.next(from: &bytes) else { return "?" }
        return frame.arguments.map { argument in
            guard case .bytes(let bytes) = argument else { return "?" }
            return String(buffer: bytes)
        }
        .joined(separator: " ")
    }

    private func confirmation(_ kind: String, _ name: String) -> RESPValue {
        .push([.text(kind), .text(name), .integer(1)])
    }

    private func message(
        _ kind: LeaseEvent.Kind,
        _ name: String,
        fence: Int,
        by pattern: String? = "*"
    ) -> RESPValue {
        let payload = RESPValue.text(#"{"event":"\#(kind)","fence":\#(fence),"owner":"","at_ms":1}"#)
        guard let pattern else { return .push([.text("message"), .text(name), payload]) }
        return .push([.text("pmessage"), .text(pattern), .text(name), payload])
    }

    private func held(_ names: String...) throws -> RESPValue {
        .array(try names.map { try status($0, token: token(7), fence: token(7)) })
    }

    private func listing() -> WatchState {
        var state = WatchState(patterns: ["*"])
        #expect(text(state.start()) == ["connect"])
        #expect(text(state.start()) == [])
        #expect(text(state.connected()) == ["HELLO 3"])
        #expect(text(state.received(.map([]))) == ["PSUBSCRIBE *"])
        #expect(text(state.received(confirmation("psubscribe", "*"))) == ["LEASES COUNT 1000"])
        return state
    }

    private func live() throws -> WatchState {
        var state = listing()
        #expect(text(state.received(try held())) == ["PING"])
        #expect(text(state.received(.simpleString("PONG"))) == ["state []"])
        return state
    }

    @Test func subscribesBeforeItAsksAndTellsWhatTheStateDoesNotShow() throws {
        var state = listing()
        #expect(text(state.received(message(.acquired, "a", fence: 7))) == [])
        #expect(text(state.received(message(.acquired, "b", fence: 8))) == [])
        #expect(text(state.received(try held("a"))) == ["PING"])
        #expect(text(state.received(message(.released, "a", fence: 7))) == [])
        #expect(
            text(state.received(.simpleString("PONG"))) == ["state [\"a\"]", "acquired b 8", "released a 7"]
        )
        #expect(text(state.received(message(.expired, "b", fence: 8))) == ["expired b 8"])
    }

    @Test func asksByNameAndByTheFixedBeginningOfAPattern() throws {
        var state = WatchState(patterns: [
            .name(try LeaseName("b*")), "job/[ab]*", .name(try LeaseName("a")), "job/[ab]*",
        ])
        _ = state.start()
        _ = state.connected()
        let subscriptions = text(state.received(.map([])))
        #expect(subscriptions.count == 2 && subscriptions.last == "PSUBSCRIBE job/[ab]*")
        #expect(["SUBSCRIBE a b*", "SUBSCRIBE b* a"].contains(subscriptions[0]))
        #expect(text(state.received(confirmation("subscribe", "a"))) == [])
        #expect(text(state.received(confirmation("subscribe", "b*"))) == [])
        #expect(
            text(state.received(confirmation("psubscribe", "job/[ab]*"))) == ["LEASES PREFIX job/ COUNT 1000"]
        )
        // Names that the prefix covers and the pattern does not match are left out.
        #expect(text(state.received(try held("job/a1", "job/c1"))) == ["HOLDER a"])
        #expect(text(state.received(.null)) == ["HOLDER b*"])
        #expect(text(state.received(try status("b*", token: token(7), fence: token(7)))) == ["PING"])
        #expect(text(state.received(.simpleString("PONG"))) == ["state [\"b*\", \"job/a1\"]"])
    }

    @Test func pagesThroughALongList() throws {
        var state = listing()
        let names = (0..<StateQuestion.pageSize).map { "\(10_000 + $0)" }
        let page = RESPValue.array(try names.map { try status($0, token: token(7), fence: token(7)) })
        #expect(text(state.received(page)) == ["LEASES AFTER 10999 COUNT 1000"])
        #expect(text(state.received(try held("z"))) == ["PING"])
        guard case .tell(.state(let leases)) = state.received(.simpleString("PONG")).first else {
            Issue.record("no state")
            return
        }
        #expect(leases.count == 1001)
    }

    @Test func asksForShorterPagesWhereTheDaemonsLimitsAreLower() throws {
        var state = listing()
        let tooBig = RESPValue.error("TOOBIG the list has more than 300 elements")
        #expect(text(state.received(tooBig)) == ["LEASES COUNT 500"])
        #expect(text(state.received(tooBig)) == ["LEASES COUNT 250"])
        let names = (0..<250).map { "\(10_000 + $0)" }
        let page = RESPValue.array(try names.map { try status($0, token: token(7), fence: token(7)) })
        #expect(text(state.received(page)) == ["LEASES AFTER 10249 COUNT 250"])
        for count in [125, 62, 31, 15, 7, 3, 1] {
            let after = text(state.received(tooBig))
            #expect(after == ["LEASES AFTER 10249 COUNT \(count)"])
        }
        let end = text(state.received(tooBig))
        #expect(end.count == 2 && end[0] == "close" && end[1].hasPrefix("fail "))
    }

    @Test func asksByWhatAnEscapeStandsFor() throws {
        var state = WatchState(patterns: ["\\[ci\\]/*"])
        _ = state.start()
        _ = state.connected()
        _ = state.received(.map([]))
        #expect(text(state.received(confirmation("psubscribe", "\\[ci\\]/*"))) == ["LEASES PREFIX [ci]/ COUNT 1000"])
    }

    @Test func aLeaseThatSeveralSubscriptionsMatchIsToldOnce() throws {
        var state = WatchState(patterns: ["a*", "*b", .name(try LeaseName("acb"))])
        _ = state.start()
        _ = state.connected()
        _ = state.received(.map([]))
        for _ in 0..<2 { _ = state.received(confirmation("psubscribe", "")) }
        _ = state.received(confirmation("subscribe", ""))
        for _ in 0..<2 { _ = state.received(try held()) }
        _ = state.received(.null)
        #expect(text(state.received(.simpleString("PONG"))) == ["state []"])
        #expect(text(state.received(message(.acquired, "ab", fence: 1, by: "*b"))) == [])
        #expect(text(state.received(message(.acquired, "ab", fence: 1, by: "a*"))) == ["acquired ab 1"])
        #expect(text(state.received(message(.acquired, "cb", fence: 1, by: "*b"))) == ["acquired cb 1"])
        #expect(text(state.received(message(.acquired, "acb", fence: 2, by: "a*"))) == [])
        #expect(text(state.received(message(.acquired, "acb", fence: 2, by: nil))) == ["acquired acb 2"])
    }

    @Test func whatGoesWrongAtFirstIsAnError() throws {
        var unreachable = WatchState(patterns: ["*"])
        _ = unreachable.start()
        #expect(text(unreachable.lost(gone)) == ["close", "fail connectionFailed"])
        #expect(text(unreachable.lost(gone)) == [])
        var refused = listing()
        #expect(text(refused.received(.error("BUSY too many"))) == ["close", "fail busy"])
        var broken = listing()
        #expect(text(broken.lost(gone)) == ["close", "fail connectionFailed"])
    }

    @Test func alaterLossIsToldOnceAndTheStateAnew() throws {
        var state = try live()
        #expect(text(state.lost(gone)) == ["close", "interrupted connectionFailed", "pause 1"])
        #expect(text(state.pauseEnded()) == ["connect"])
        #expect(text(state.lost(gone)) == ["close", "pause 2"])
        #expect(text(state.pauseEnded()) == ["connect"])
        _ = state.connected()
        // A daemon that has just started may have too many clients at once.
        #expect(text(state.received(.error("BUSY too many"))) == ["close", "pause 3"])
        _ = state.pauseEnded()
        _ = state.connected()
        _ = state.received(.map([]))
        _ = state.received(confirmation("psubscribe", "*"))
        _ = state.received(try held("a"))
        #expect(text(state.received(.simpleString("PONG"))) == ["state [\"a\"]"])
        #expect(text(state.lost(gone)) == ["close", "interrupted connectionFailed", "pause 1"])
    }

    @Test func aRefusalIsFinal() throws {
        var state = try live()
        _ = state.lost(gone)
        _ = state.pauseEnded()
        _ = state.connected()
        #expect(text(state.received(.error("DENIED not you"))) == ["close", "fail denied"])
        #expect(text(state.pauseEnded()) == [])
    }

    @Test(arguments: ["unsubscribe", "punsubscribe"])
    func aWatchThatTheDaemonEndsHasFailed(word: String) throws {
        for state in [try live(), listing()] {
            var state = state
            let push = RESPValue.push([.text(word), .text("a"), .integer(0)])
            #expect(text(state.received(push)) == ["close", "fail denied"])
        }
    }

    @Test func whatIsNoMessageIsAViolation() throws {
        var garbled = try live()
        let payload = RESPValue.push([.text("pmessage"), .text("*"), .text("a"), .text("hello")])
        #expect(text(garbled.received(payload)) == ["close", "fail protocolViolation"])
        var answered = try live()
        #expect(text(answered.received(.integer(1))) == ["close", "fail protocolViolation"])
        var listed = listing()
        #expect(text(listed.received(.array([.integer(1)]))) == ["close", "fail protocolViolation"])
        // Pushes that only a later release sends are skipped.
        var unknown = try live()
        #expect(text(unknown.received(.push([.text("weather"), .text("rain")]))) == [])
        #expect(text(unknown.received(message(.init(rawValue: "lent"), "a", fence: 1))) == ["lent a 1"])
    }

    @Test func whatIsKeptIsBounded() throws {
        var state = listing()
        for _ in 0..<WatchState.keptLimit { _ = state.received(message(.acquired, "a", fence: 1)) }
        #expect(text(state.received(message(.acquired, "a", fence: 1))) == ["close", "fail busy"])
    }

    @Test func nothingIsWatchedByNoPattern() throws {
        var state = WatchState(patterns: [])
        _ = state.start()
        _ = state.connected()
        #expect(text(state.received(.map([]))) == ["PING"])
        #expect(text(state.received(.simpleString("PONG"))) == ["state []"])
    }
}
