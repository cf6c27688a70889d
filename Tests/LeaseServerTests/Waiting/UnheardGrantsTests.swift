import LeaseCore
import Testing

@testable import LeaseServer

/// Which waited grants nobody knows of.
@Suite struct UnheardGrantsTests {
    private typealias Grant = (name: LeaseName, fence: Token)

    private func grant(_ name: String, _ fence: Int64) throws -> Grant {
        (try LeaseName(name), try #require(Token(rawValue: fence)))
    }

    private func fences(_ grants: [Grant]) -> [Int64] { grants.map(\.fence.rawValue) }

    @Test func whatIsWrittenIsNotLost() throws {
        var grants = UnheardGrants()
        let (a, b) = (try grant("a", 1), try grant("b", 2))
        grants.add([a, b])
        grants.written([a])
        #expect(fences(grants.failed([a])).isEmpty)
        #expect(fences(grants.failed([b])) == [2])
        #expect(fences(grants.failed([b])).isEmpty, "once")
    }

    @Test func whatSomebodyHasHeardOfIsNotLost() throws {
        var grants = UnheardGrants()
        let a = try grant("a", 1)
        grants.add([a])
        grants.hear(of: a.name)
        grants.commitSucceeded()
        #expect(fences(grants.failed([a])).isEmpty)
        #expect(fences(grants.commitRefused()).isEmpty)
    }

    /// Whether the turn's replies are sent is known only after its commit.
    @Test(arguments: [true, false]) func whatFailsWhileTheTurnTellsOfItWaitsForTheCommit(_ succeeds: Bool) throws {
        var grants = UnheardGrants()
        let a = try grant("a", 1)
        grants.add([a])
        grants.hear(of: a.name)
        #expect(fences(grants.failed([a])).isEmpty)
        if succeeds {
            grants.commitSucceeded()
            #expect(fences(grants.commitRefused()).isEmpty, "that was for the turn before")
        } else {
            #expect(fences(grants.commitRefused()) == [1])
            #expect(fences(grants.commitRefused()).isEmpty)
        }
    }

    @Test func aRefusedTurnTellsNobody() throws {
        var grants = UnheardGrants()
        let a = try grant("a", 1)
        grants.add([a])
        grants.hear(of: a.name)
        #expect(fences(grants.commitRefused()).isEmpty, "its reply may still be written")
        #expect(fences(grants.failed([a])) == [1])
    }

    /// The first tenure has ended by itself, and its reply fails after the next was granted.
    @Test func theFailureOfAnEarlierGrantLeavesTheLaterOne() throws {
        var grants = UnheardGrants()
        let (earlier, later) = (try grant("a", 1), try grant("a", 2))
        grants.add([earlier])
        grants.add([later])
        #expect(fences(grants.failed([earlier])).isEmpty)
        #expect(fences(grants.failed([later])) == [2])
    }
}
