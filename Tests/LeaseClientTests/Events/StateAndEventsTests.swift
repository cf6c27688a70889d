import LeaseCore
import LeaseWire
import Testing

@testable import LeaseClient

@Suite struct StateAndEventsTests {
    /// The possible courses of a tenure.
    private static let courses: [[LeaseEvent.Kind]] = [
        [.acquired], [.acquired, .released], [.acquired, .overdue], [.acquired, .overdue, .lost],
        [.acquired, .revoking, .revoked], [.acquired, .overdue, .revoking, .revoking, .released],
    ]

    private func message(_ kind: LeaseEvent.Kind, fence: Int64) throws -> LeaseEvent {
        LeaseEvent(
            name: try LeaseName("a"),
            kind: kind,
            fence: try token(fence),
            owner: "",
            atMilliseconds: 0
        )
    }

    /// Who holds the lease after these messages: the fence, and whether it is overdue.
    private func replay(
        _ messages: some Sequence<LeaseEvent>,
        from start: (fence: Token, isOverdue: Bool)? = nil
    ) -> (fence: Token, isOverdue: Bool)? {
        var held = start
        for message in messages {
            switch message.kind {
            case .acquired: held = (message.fence, false)
            case .overdue where held?.fence == message.fence: held?.isOverdue = true
            case let kind where kind.endsTenure && held?.fence == message.fence: held = nil
            default: break
            }
        }
        return held
    }

    /// Every history of up to three tenures, subscribed to at every point, with the state decided at every later point.
    @Test func nothingIsMissedAndNothingIsToldTwice() throws {
        var histories: [[[LeaseEvent.Kind]]] = [[]]
        for _ in 0..<3 {
            histories += histories.flatMap { history -> [[[LeaseEvent.Kind]]] in
                // A tenure that has not ended is the last.
                guard history.last?.last?.endsTenure ?? true else { return [] }
                return Self.courses.map { history + [$0] }
            }
        }
        var cases = 0
        for history in Set(histories) {
            let messages = try history.enumerated().flatMap { index, course in
                try course.map { try message($0, fence: Int64(index + 1)) }
            }
            for subscribed in 0...messages.count {
                for decided in subscribed...messages.count {
                    try check(messages, subscribed: subscribed, decided: decided)
                    cases += 1
                }
            }
        }
        #expect(cases > 5000)
    }

    private func check(_ messages: [LeaseEvent], subscribed: Int, decided: Int) throws {
        let name = try LeaseName("a")
        let truth = replay(messages[..<decided])
        let isRevoking = truth.map { truth in
            messages[..<decided].contains { $0.fence == truth.fence && $0.kind == .revoking }
        }
        var held: [LeaseName: LeaseStatus] = [:]
        if let truth {
            held[name] = try leaseStatus(
                "a",
                token: truth.fence.rawValue,
                fence: truth.fence.rawValue,
                state: isRevoking == true ? .revoking : truth.isOverdue ? .overdue : .held
            )
        }
        let told = StateAndEvents(held: held, kept: Array(messages[subscribed...]))
        let comment: Comment = "\(messages.map { "\($0.kind) \($0.fence)" }), \(subscribed), \(decided)"
        #expect(told.state == Array(held.values), comment)
        // Messages after the decision are told in order, and last.
        let later = messages[decided...]
        #expect(told.events.suffix(later.count) == later, comment)
        // The told events lead to the same end as the history.
        let end = replay(told.events, from: truth)
        let whole = replay(messages)
        #expect(end?.fence == whole?.fence && end?.isOverdue == whole?.isOverdue, comment)
        // A known holder is not told as granted again, and an unknown tenure is not told as ended.
        var known = truth?.fence
        for message in told.events {
            switch message.kind {
            case .acquired:
                #expect(known != message.fence, comment)
                known = message.fence
            default: #expect(known == message.fence, comment)
            }
            if message.kind.endsTenure { known = nil }
        }
    }

    @Test func leasesAreByName() throws {
        var held: [LeaseName: LeaseStatus] = [:]
        for name in ["b", "a", "c"] { held[try LeaseName(name)] = try leaseStatus(name, token: 1, fence: 1) }
        let told = StateAndEvents(held: held, kept: [])
        #expect(told.state.map(\.name.description) == ["a", "b", "c"])
    }
}
