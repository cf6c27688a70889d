import Testing

@testable import LeaseServer

@Suite struct MessageBacklogTests {
    private let one = SessionID(rawValue: 1)
    private let other = SessionID(rawValue: 2)

    @Test func whatASocketTakesIsTakenOffAndWhoeverIsGoneIsForgotten() {
        var backlog = MessageBacklog()
        backlog.add(10, for: one)
        backlog.add(5, for: one)
        backlog.add(7, for: other)
        backlog.remove(10, for: one)
        #expect(backlog.bytes(of: one) == 5 && backlog.bytes(of: other) == 7 && backlog.total == 12)
        backlog.forget(other)
        backlog.remove(7, for: other)
        #expect(backlog.bytes(of: other) == 0 && backlog.total == 5)
        backlog.remove(5, for: one)
        backlog.forget(one)
        #expect(backlog.total == 0)
    }

    @Test func ownLimitHoldsToTheByte() {
        var limits = Limits()
        limits.subscriberOutputBytes = 100
        var backlog = MessageBacklog()
        backlog.add(100, for: one)
        #expect(!backlog.isOver(one, limits: limits))
        backlog.add(1, for: one)
        #expect(backlog.isOver(one, limits: limits))
        #expect(!backlog.isOver(other, limits: limits))
    }

    @Test func pastTheLimitOfAllItIsWhoHasMoreThanItsShare() {
        var limits = Limits()
        limits.subscriberOutputBytesInAll = 100
        var backlog = MessageBacklog()
        backlog.add(90, for: one)
        backlog.add(10, for: other)
        #expect(!backlog.isOver(one, limits: limits))
        backlog.add(1, for: other)
        #expect(backlog.isOver(one, limits: limits))
        #expect(!backlog.isOver(other, limits: limits))
        backlog.forget(one)
        #expect(!backlog.isOver(other, limits: limits))
    }
}
