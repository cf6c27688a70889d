import LeaseCore
import Testing

@testable import LeaseServer

@Suite struct HoldingsTests {
    private func name(_ text: String) throws -> LeaseName { try LeaseName(text) }

    private func holding(_ fence: Int64, _ session: Int64, isTie: Bool = false) throws -> Holdings.Holding {
        let fence = try #require(Token(rawValue: fence))
        return Holdings.Holding(fence: fence, session: SessionID(rawValue: session), isTie: isTie)
    }

    @Test func aCloseLosesWhatHangsOnThatConnectionAlone() throws {
        var holdings = Holdings()
        holdings.attach(try name("a"), try holding(1, 10))
        holdings.attach(try name("b"), try holding(2, 10))
        holdings.attach(try name("c"), try holding(3, 11))
        holdings.close(SessionID(rawValue: 10))
        #expect(try holdings.lost == [name("a"): holding(1, 10).fence, name("b"): holding(2, 10).fence])
        #expect(holdings.count == 1)
        holdings.didEnd(try name("a"), fence: try holding(1, 10).fence)
        holdings.didEnd(try name("c"), fence: try holding(3, 11).fence)
        #expect(Array(holdings.lost.keys) == [try name("b")])
    }

    /// When a grant's reply turns out to be unwritable, its tenure may have ended already, and the lease may be
    /// another's.
    @Test func theLossOfAnEarlierTenureLeavesThatOfALaterOne() throws {
        var holdings = Holdings()
        let a = try name("a")
        let (earlier, later) = (try holding(2, 10).fence, try holding(3, 11).fence)
        holdings.attach(a, try holding(3, 11))
        holdings.close(SessionID(rawValue: 11))
        holdings.lose(a, fence: earlier)
        #expect(holdings.lost == [a: later])
        holdings.didEnd(a, fence: earlier)
        #expect(holdings.lost == [a: later])
        holdings.didEnd(a, fence: later)
        #expect(holdings.lost.isEmpty)
    }

    @Test func theLastThatWasGivenCounts() throws {
        var holdings = Holdings()
        let (a, tie, bound) = (try name("a"), try holding(1, 10, isTie: true), try holding(1, 11))
        #expect(holdings.attach(a, tie) == nil)
        // Repeated on the same connection, it replaces no other.
        #expect(holdings.attach(a, try holding(1, 10)) == nil)
        #expect(holdings.attach(a, tie) == nil)
        #expect(holdings.attach(a, bound) == tie)
        holdings.close(SessionID(rawValue: 10))
        #expect(holdings.lost.isEmpty)
        #expect(holdings[a] == bound)
        #expect(holdings.detach(a) == bound)
        holdings.close(SessionID(rawValue: 11))
        #expect(holdings.lost.isEmpty)
    }

    @Test func whatHangsOnAConnectionAgainIsNotLost() throws {
        var holdings = Holdings()
        let a = try name("a")
        holdings.attach(a, try holding(1, 10))
        holdings.close(SessionID(rawValue: 10))
        holdings.attach(a, try holding(1, 11))
        #expect(holdings.lost.isEmpty)
    }

    @Test func whatIsForgottenIsNotLost() throws {
        var holdings = Holdings()
        holdings.attach(try name("a"), try holding(1, 10))
        holdings.forget(SessionID(rawValue: 10))
        holdings.close(SessionID(rawValue: 10))
        #expect(holdings.lost.isEmpty && holdings.count == 0)
    }
}
