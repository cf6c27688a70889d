import LeaseClient
import LeaseCore
import Testing

@testable import leasectl

@Suite struct LossTests {
    private let fence = Token(rawValue: 7)!
    private let other = Token(rawValue: 8)!

    private func event(
        _ kind: LeaseEvent.Kind,
        fence: Token,
        reason: String? = nil,
        after: Duration? = nil
    ) throws -> LeaseUpdate {
        .event(
            LeaseEvent(
                name: try LeaseName("a"),
                kind: kind,
                fence: fence,
                owner: "me",
                atMilliseconds: 0,
                reason: reason,
                after: after
            )
        )
    }

    @Test(arguments: ["acquired", "released", "expired", "overdue", "revoking", "revoked", "lost", "unheard-of"])
    func onlyTheEndOfTheOwnTenureIsALoss(word: String) throws {
        let kind = LeaseEvent.Kind(rawValue: word)
        let isLoss = !["acquired", "overdue", "unheard-of"].contains(word)
        #expect((Loss(of: fence, in: try event(kind, fence: fence)) != nil) == isLoss)
        #expect(Loss(of: fence, in: try event(kind, fence: other)) == nil)
    }

    @Test func revocationNamesItsReasonAndItsTime() throws {
        let update = try event(.revoking, fence: fence, reason: "maintenance", after: .seconds(30))
        #expect(Loss(of: fence, in: update) == .revoked("maintenance (it ends within 30s)"))
        #expect(Loss(of: fence, in: try event(.revoked, fence: fence)) == .revoked("no reason was given"))
    }

    @Test func stateWithoutTheFenceIsALoss() {
        #expect(Loss(of: fence, in: .state([])) == .expired("the tenure with fence 7 is over"))
    }

    @Test func lostConnectionIsNoLoss() {
        #expect(Loss(of: fence, in: .interrupted(LeaseClientError(.connectionClosed, "away"))) == nil)
    }
}
