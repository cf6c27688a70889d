import Glibc
import LeaseCore
import Testing

@testable import leasectl

@Suite struct HoldingTests {
    private static let grant: Tenancy.Grant = {
        guard let name = try? LeaseName("a"), let fence = Token(rawValue: 7) else { preconditionFailure("both fit") }
        return Tenancy.Grant(name: name, fence: fence, owner: "me", ttl: .usual)
    }()
    private static let held = Refusal(kind: .held, message: "held")
    private static let loss = Loss.expired("over")

    /// Brings a machine to a phase.
    private static func machine(in phase: Holding.Phase) -> Holding {
        var machine = Holding()
        switch phase {
        case .acquiring: break
        case .abandoning: _ = machine.handle(.signal(SIGTERM))
        case .holding: _ = machine.handle(.granted(grant))
        case .releasing:
            _ = machine.handle(.granted(grant))
            _ = machine.handle(.signal(SIGTERM))
        case .finished: _ = machine.handle(.refused(held))
        }
        #expect(machine.phase == phase)
        return machine
    }

    private static let hurry = ReleaseResult.failed("a second signal came while the daemon was asked")

    /// Each phase with each event, completely.
    @Test(
        arguments: [
            (.acquiring, .granted(grant), [.announce(grant)]),
            (.acquiring, .refused(held), [.finish(.refused(held))]),
            (.acquiring, .signal(SIGINT), [.abandon]),
            (.acquiring, .lost(loss), []),
            (.acquiring, .released(.released), []),
            (.abandoning, .granted(grant), []),
            (.abandoning, .refused(held), [.finish(.interrupted(SIGTERM))]),
            (.abandoning, .signal(SIGINT), [.finish(.interrupted(SIGINT))]),
            (.abandoning, .lost(loss), []),
            (.abandoning, .released(.released), [.finish(.released(.released))]),
            (.holding, .granted(grant), []),
            (.holding, .refused(held), []),
            (.holding, .signal(SIGHUP), [.release]),
            (.holding, .lost(loss), [.finish(.lost(loss))]),
            (.holding, .released(.released), []),
            (.releasing, .granted(grant), []),
            (.releasing, .refused(held), []),
            (.releasing, .signal(SIGTERM), [.finish(.released(hurry))]),
            (.releasing, .lost(loss), []),
            (.releasing, .released(.wasOver), [.finish(.released(.wasOver))]),
            (.finished, .granted(grant), []),
            (.finished, .refused(held), []),
            (.finished, .signal(SIGTERM), []),
            (.finished, .lost(loss), []),
            (.finished, .released(.released), []),
        ] as [(Holding.Phase, Holding.Event, [Holding.Action])]
    )
    func everyEventInEveryPhase(phase: Holding.Phase, event: Holding.Event, actions: [Holding.Action]) {
        var machine = Self.machine(in: phase)
        #expect(machine.handle(event) == actions)
    }

    @Test func exitCodes() {
        #expect(Holding.Ending.released(.released).exitStatus == 0)
        #expect(Holding.Ending.released(.released).complaint(of: Self.grant.name) == nil)
        #expect(Holding.Ending.lost(Self.loss).complaint(of: Self.grant.name) == "lease 'a' was lost: over")
        #expect(Holding.Ending.released(.wasOver).exitStatus == 76)
        #expect(Holding.Ending.released(.failed("x")).exitStatus == 69)
        #expect(Holding.Ending.lost(Self.loss).exitStatus == 76)
        #expect(Holding.Ending.interrupted(SIGTERM).exitStatus == 143)
        #expect(Holding.Ending.refused(Self.held).exitStatus == 75)
    }
}
