import Testing

@testable import LeaseServer

@Suite struct GatheringTests {
    /// How many times a turn looks again that comes to these numbers of clients, one after the other.
    private func looks(_ clients: Int...) -> Int {
        var gathering = Gathering()
        return clients.prefix { gathering.looksAgain(clients: $0) }.count
    }

    @Test func loneClientIsCommittedAtOnce() {
        #expect(looks(1, 50) == 0)
    }

    @Test func severalAreLookedForTwiceWhetherOthersComeOrNot() {
        #expect(looks(2, 2, 2, 2) == 2)
        #expect(looks(50, 50, 50, 50) == 2)
    }

    @Test func lookingGoesOnWhileItFindsMore() {
        #expect(looks(2, 3, 4, 5, 5, 6) == 4)
        #expect(looks(2, 2, 9, 9) == 3)
    }

    @Test func lookingHasAnEndHoweverManyCome() {
        #expect(looks(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) == Gathering.mostLooks)
    }

    @Test func nextTurnBeginsAnew() {
        var gathering = Gathering()
        for _ in 0..<3 {
            #expect(!gathering.isUnderWay)
            while gathering.looksAgain(clients: 20) {
                #expect(gathering.isUnderWay)
            }
        }
        #expect(!gathering.isUnderWay)
    }
}
