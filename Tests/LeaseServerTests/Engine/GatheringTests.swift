import Testing

@testable import LeaseServer

@Suite struct GatheringTests {
    /// Clients, each with the last turn that counted it, in the turns of a gathering.
    private final class Clients {
        private(set) var gathering = Gathering()
        private var lastTurns: [Int: Gathering.Turn] = [:]

        func join(_ clients: some Sequence<Int>) {
            for client in clients { gathering.join(&lastTurns[client, default: 0]) }
        }

        func looksAgain() -> Bool { gathering.looksAgain() }

        func endTurn() { gathering.endTurn() }

        /// How often a turn looks again if each look finds one of these sets of clients.
        func looks(_ found: Range<Int>...) -> Int {
            var looks = 0
            join(found[0])
            while looksAgain() {
                looks += 1
                if looks < found.count { join(found[looks]) }
            }
            endTurn()
            return looks
        }
    }

    @Test func loneClientIsCommittedAtOnce() {
        let clients = Clients()
        for _ in 0..<3 { #expect(clients.looks(0..<1) == 0) }
        #expect(clients.looks(1..<2) == 0)
    }

    @Test func severalAreLookedForTwiceWhetherOthersComeOrNot() {
        for count in [2, 50] {
            let clients = Clients()
            #expect(clients.looks(0..<count) == 2)
        }
    }

    @Test func lookingGoesOnWhileItFindsMore() {
        #expect(Clients().looks(0..<2, 2..<3, 3..<4, 4..<4, 4..<4, 4..<5) == 3)
        #expect(Clients().looks(0..<2, 2..<2, 2..<9, 9..<9) == 3)
    }

    @Test func lookingHasAnEndHoweverManyCome() {
        let clients = Clients()
        let more = clients.looks(0..<2, 2..<3, 3..<4, 4..<5, 5..<6, 6..<7, 7..<8, 8..<9, 9..<10, 10..<11, 11..<12)
        #expect(more == Gathering.mostLooks)
    }

    @Test func nobodyIsLookedForWhereNobodyIsMissing() {
        let clients = Clients()
        _ = clients.looks(0..<20)
        for _ in 0..<3 { #expect(clients.looks(0..<20) == 0) }
        // A turn looks for missing clients, and stops looking once all are there.
        #expect(clients.looks(0..<12, 12..<15, 15..<20, 20..<30) == 2)
        #expect(clients.looks(0..<19) == 2)
        #expect(clients.looks(0..<20, 20..<21) == 0)
    }

    @Test func halvesAreLookedForUntilTheyAreOne() {
        let clients = Clients()
        _ = clients.looks(0..<10)
        _ = clients.looks(10..<20)
        for _ in 0..<3 {
            #expect(clients.looks(0..<10, 10..<10) == 2)
            #expect(clients.looks(10..<20, 20..<20) == 2)
        }
        #expect(clients.looks(0..<10, 10..<20, 20..<30) == 1)
        #expect(clients.looks(0..<20) == 0)
    }

    @Test func clientCountsOnceHoweverOftenItSends() {
        let clients = Clients()
        clients.join([1, 1, 1])
        #expect(!clients.looksAgain())
        clients.endTurn()
        clients.join([1, 2, 1, 2])
        #expect(!clients.looksAgain(), "as many as there were, and one more")
    }

    @Test func turnsOfNobodyAreNotCounted() {
        let clients = Clients()
        _ = clients.looks(0..<5)
        clients.endTurn()
        clients.endTurn()
        #expect(clients.looks(0..<5) == 0)
        #expect(clients.looks(0..<4) == 2)
    }

    @Test func someAreMissingUntilAsManyHaveComeAsInTheLastTwoTurns() {
        let clients = Clients()
        clients.join(0..<1)
        #expect(!clients.gathering.isMissingSome, "a lone client")
        clients.endTurn()
        _ = clients.looks(0..<10)
        for count in 2...9 {
            clients.join(0..<count)
            #expect(clients.gathering.isMissingSome)
        }
        clients.join(0..<10)
        #expect(!clients.gathering.isMissingSome)
    }

    @Test func whoHasJoinedIsKnownUntilTheTurnEnds() {
        var gathering = Gathering()
        var last: Gathering.Turn = 0
        #expect(!gathering.hasJoined(last))
        gathering.join(&last)
        #expect(gathering.hasJoined(last))
        gathering.endTurn()
        #expect(!gathering.hasJoined(last))
    }

    @Test func turnIsUnderWayWhileItLooksAgain() {
        let clients = Clients()
        clients.join(0..<20)
        #expect(!clients.gathering.isUnderWay)
        while clients.looksAgain() {
            #expect(clients.gathering.isUnderWay)
        }
        #expect(!clients.gathering.isUnderWay)
    }
}
