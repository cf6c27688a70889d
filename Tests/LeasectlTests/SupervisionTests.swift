import Glibc
import LeaseCore
import TestSupport
import Testing

@testable import leasectl

/// Drives a machine by hand: each call moves the clock by the given time.
struct Run {
    var machine: Supervision
    var now = BootInstant(nanoseconds: 1_000_000_000)

    init(_ policy: SupervisionPolicy) {
        machine = Supervision(policy: policy)
    }

    init(
        grace: Duration = .seconds(10),
        atMost: Duration? = nil,
        release: SupervisionPolicy.Release = .tree,
        hasTerminal: Bool = false,
        isSessionLeader: Bool = false
    ) {
        self.init(
            SupervisionPolicy(
                grace: grace,
                atMost: atMost,
                release: release,
                hasTerminal: hasTerminal,
                isSessionLeader: isSessionLeader
            )
        )
    }

    mutating func handle(_ event: Supervision.Event, after time: Duration = .zero) -> [Supervision.Action] {
        now = now.advanced(by: time)
        return machine.handle(event, now: now)
    }

    /// Moves the clock to the next timer, and lets it fire.
    mutating func fireTimer() -> [Supervision.Action] {
        guard let due = machine.nextTimer else { return [] }
        now = max(now, due)
        return machine.handle(.timerFired, now: now)
    }

    /// A run whose job is running as process 7.
    static func running(
        grace: Duration = .seconds(10),
        atMost: Duration? = nil,
        release: SupervisionPolicy.Release = .tree,
        hasTerminal: Bool = false,
        isSessionLeader: Bool = false
    ) -> Run {
        var run = Run(
            grace: grace,
            atMost: atMost,
            release: release,
            hasTerminal: hasTerminal,
            isSessionLeader: isSessionLeader
        )
        _ = run.handle(.granted)
        _ = run.handle(.spawned(7))
        return run
    }
}

private let held = Refusal(kind: .held, message: "held")
private let revoked = Loss.revoked("by hand")

@Suite struct SupervisionTests {
    @Test func grantSpawnsAndTheEndOfTheTreeReleases() {
        var run = Run()
        #expect(run.handle(.granted) == [.spawn(.job)])
        #expect(run.handle(.spawned(7)) == [])
        #expect(run.handle(.childEnded(7, .exited(3))) == [])
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.released)) == [.finish(.ended(.exited(3)))])
        #expect(run.handle(.signal(SIGTERM, fromTerminal: false)) == [])
    }

    @Test func refusalFinishes() {
        var run = Run()
        #expect(run.handle(.refused(held)) == [.finish(.notAcquired(held))])
    }

    @Test func commandThatCannotStartGivesTheLeaseBack() {
        var run = Run()
        _ = run.handle(.granted)
        #expect(run.handle(.notSpawned(.notFound)) == [.release])
        #expect(run.handle(.released(.released)) == [.finish(.notStarted(.notFound))])
    }

    @Test func treeIsNotEmptyBeforeTheMainProcessHasEnded() {
        var run = Run.running()
        #expect(run.handle(.treeEmpty) == [])
        #expect(run.machine.phase == .running)
    }

    @Test func leaseStaysWhileADescendantLives() {
        var run = Run.running()
        #expect(run.handle(.childEnded(7, .exited(0))) == [])
        #expect(run.handle(.childEnded(8, .signalled(9))) == [])
        #expect(run.machine.phase == .running)
        #expect(run.fireTimer() == [.nameStragglers])
        #expect(run.now == BootInstant(nanoseconds: 11_000_000_000))
        #expect(run.machine.nextTimer == nil)
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.released)) == [.finish(.ended(.exited(0)))])
    }

    @Test func releaseMainDoesNotWaitForDescendants() {
        var run = Run.running(release: .main)
        #expect(run.handle(.childEnded(8, .exited(0))) == [])
        #expect(run.handle(.childEnded(7, .signalled(SIGSEGV))) == [.release])
        #expect(run.handle(.released(.released)) == [.finish(.ended(.signalled(SIGSEGV)))])
    }

    @Test(arguments: [ReleaseResult.released, .wasOver, .failed("away")])
    func releaseNeverChangesTheJobsStatus(result: ReleaseResult) {
        var run = Run.running()
        _ = run.handle(.childEnded(7, .exited(5)))
        _ = run.handle(.treeEmpty)
        #expect(run.handle(.released(result)) == [.finish(.ended(.exited(5)))])
    }
}

@Suite struct SupervisionSignalTests {
    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])
    func signalBeforeTheGrantAbandonsAndExitsAsThatSignal(signal: Int32) {
        var run = Run()
        #expect(run.handle(.signal(signal, fromTerminal: true)) == [.abandon])
        #expect(run.handle(.granted) == [], "a grant that crossed the signal starts no job")
        #expect(run.handle(.released(.released)) == [.finish(.interrupted(signal))])
    }

    @Test func abandonedRequestThatWasRefusedExitsAsTheSignal() {
        var run = Run()
        _ = run.handle(.signal(SIGTERM, fromTerminal: false))
        #expect(run.handle(.refused(held)) == [.finish(.interrupted(SIGTERM))])
    }

    @Test func secondSignalBeforeTheGrantDoesNotWaitForTheDaemon() {
        var run = Run()
        _ = run.handle(.signal(SIGTERM, fromTerminal: false))
        #expect(run.handle(.signal(SIGINT, fromTerminal: false)) == [.finish(.interrupted(SIGINT))])
    }

    @Test(arguments: [SIGCONT, SIGWINCH])
    func harmlessSignalBeforeTheGrantIsNothing(signal: Int32) {
        var run = Run()
        #expect(run.handle(.signal(signal, fromTerminal: false)) == [])
        #expect(run.handle(.granted) == [.spawn(.job)])
    }

    @Test(arguments: Supervision.forwarded, [false, true])
    func signalOfAnotherProcessIsForwarded(signal: Int32, hasTerminal: Bool) {
        var run = Run.running(hasTerminal: hasTerminal)
        #expect(run.handle(.signal(signal, fromTerminal: false)) == [.forward(signal)])
    }

    @Test(arguments: Supervision.forwarded)
    func signalOfTheSharedTerminalIsNotForwarded(signal: Int32) {
        var run = Run.running(hasTerminal: true)
        #expect(run.handle(.signal(signal, fromTerminal: true)) == [])
        #expect(run.handle(.signal(signal, fromTerminal: true)) == [])
        #expect(run.machine.stop == nil)
    }

    @Test func hangUpThatOnlyTheSessionLeaderGetsIsForwarded() {
        var run = Run.running(hasTerminal: true, isSessionLeader: true)
        #expect(run.handle(.signal(SIGHUP, fromTerminal: true)) == [.forward(SIGHUP)])
        #expect(run.handle(.signal(SIGINT, fromTerminal: true)) == [])
    }

    @Test(arguments: [(SIGTERM, SIGTERM), (SIGTERM, SIGINT), (SIGINT, SIGTERM), (SIGINT, SIGINT)])
    func secondStopSignalKillsTheTree(first: Int32, second: Int32) {
        var run = Run.running()
        #expect(run.handle(.signal(first, fromTerminal: false)) == [.forward(first)])
        #expect(run.handle(.signal(SIGUSR1, fromTerminal: false)) == [.forward(SIGUSR1)])
        #expect(run.handle(.signal(second, fromTerminal: false)) == [.killTree])
        #expect(run.fireTimer() == [.killTree], "whoever was started meanwhile is killed, too")
        #expect(run.handle(.childEnded(7, .signalled(SIGKILL))) == [])
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.released)) == [.finish(.ended(.signalled(SIGKILL)))])
    }

    @Test func killedTreeIsWaitedForAlsoWithReleaseMain() {
        var run = Run.running(release: .main)
        _ = run.handle(.signal(SIGTERM, fromTerminal: false))
        _ = run.handle(.signal(SIGTERM, fromTerminal: false))
        #expect(run.handle(.childEnded(7, .signalled(SIGKILL))) == [])
        #expect(run.handle(.treeEmpty) == [.release])
    }

    @Test func signalAfterTheMainProcessGoesToWhoIsLeft() {
        var run = Run.running()
        _ = run.handle(.childEnded(7, .exited(0)))
        #expect(run.handle(.signal(SIGTERM, fromTerminal: false)) == [.forwardToTree(SIGTERM)])
        #expect(run.handle(.signal(SIGTERM, fromTerminal: false)) == [.killTree])
    }

    @Test func whatIsTypedAfterTheMainProcessGoesToThoseWhomTheTerminalDoesNotReach() {
        var run = Run.running(hasTerminal: true)
        #expect(run.handle(.signal(SIGINT, fromTerminal: true)) == [])
        _ = run.handle(.childEnded(7, .exited(0)))
        #expect(run.handle(.signal(SIGWINCH, fromTerminal: true)) == [])
        #expect(run.handle(.signal(SIGHUP, fromTerminal: true)) == [])
        #expect(run.handle(.signal(SIGQUIT, fromTerminal: true)) == [.forwardToOtherGroups(SIGQUIT)])
        #expect(run.handle(.signal(SIGINT, fromTerminal: true)) == [.forwardToOtherGroups(SIGINT)])
        #expect(run.handle(.signal(SIGINT, fromTerminal: true)) == [.killTree])
    }

    @Test func signalsWhileReleasingAreNothing() {
        var run = Run.running()
        _ = run.handle(.childEnded(7, .exited(0)))
        _ = run.handle(.treeEmpty)
        #expect(run.handle(.signal(SIGTERM, fromTerminal: false)) == [])
        #expect(run.handle(.released(.released)) == [.finish(.ended(.exited(0)))])
    }
}

@Suite struct SupervisionStopTests {
    @Test func lostLeaseTerminatesThenKillsUntilTheTreeIsEmpty() {
        var run = Run.running(grace: .seconds(10))
        #expect(run.handle(.lost(revoked)) == [.announceLoss(revoked), .terminateTree])
        let killAt = run.now.advanced(by: .seconds(10))
        var rounds = 0
        while run.fireTimer() == [.terminateTree] { rounds += 1 }
        #expect(run.now == killAt)
        #expect(rounds == 99)
        #expect(run.machine.stop?.isKilling == true)
        #expect(run.fireTimer() == [.killTree])
        #expect(run.handle(.childEnded(7, .signalled(SIGKILL))) == [])
        #expect(run.fireTimer() == [.killTree], "the main process is gone, its tree is not")
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.machine.nextTimer == nil)
        #expect(run.handle(.released(.wasOver)) == [.finish(.lost(revoked, .signalled(SIGKILL)))])
    }

    @Test func lostLeaseOfAJobThatObeysIsStillLost() {
        var run = Run.running()
        _ = run.handle(.lost(revoked))
        _ = run.handle(.childEnded(7, .exited(0)))
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.wasOver)) == [.finish(.lost(revoked, .exited(0)))])
    }

    @Test func leaseLostAfterTheMainProcessStopsTheRest() {
        var run = Run.running()
        _ = run.handle(.childEnded(7, .exited(0)))
        #expect(run.handle(.lost(revoked)) == [.announceLoss(revoked), .terminateTree])
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.wasOver)) == [.finish(.lost(revoked, .exited(0)))])
    }

    @Test func lossIsToldOnce() {
        var run = Run.running()
        _ = run.handle(.lost(revoked))
        #expect(run.handle(.lost(.expired("again"))) == [])
    }

    @Test func noGraceKillsAtOnce() {
        var run = Run.running(grace: .zero)
        #expect(run.handle(.lost(revoked)) == [.announceLoss(revoked), .killTree])
    }

    @Test func atMostStopsTheJob() {
        var run = Run.running(atMost: .seconds(60))
        #expect(run.machine.nextTimer == run.now.advanced(by: .seconds(60)))
        #expect(run.handle(.timerFired, after: .milliseconds(59_999)) == [])
        #expect(run.handle(.timerFired, after: .milliseconds(1)) == [.announceAtMost, .terminateTree])
        #expect(run.handle(.childEnded(7, .exited(0))) == [])
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.released)) == [.finish(.atMostReached(.exited(0)))])
    }

    @Test func lostLeaseWeighsMoreThanATimeThatIsUp() {
        var run = Run.running(atMost: .seconds(60))
        _ = run.handle(.timerFired, after: .seconds(60))
        let killAt = run.machine.stop?.killAt
        #expect(run.handle(.lost(revoked), after: .seconds(1)) == [.announceLoss(revoked)])
        #expect(run.machine.stop?.killAt == killAt, "the grace does not begin again")
        _ = run.handle(.childEnded(7, .signalled(SIGTERM)))
        _ = run.handle(.treeEmpty)
        #expect(run.handle(.released(.wasOver)) == [.finish(.lost(revoked, .signalled(SIGTERM)))])
    }

    @Test func timeThatIsUpDoesNotHideALostLease() {
        var run = Run.running(grace: .seconds(30), atMost: .seconds(20))
        _ = run.handle(.lost(revoked))
        #expect(run.handle(.timerFired, after: .seconds(20)) == [.terminateTree])
        _ = run.handle(.childEnded(7, .exited(0)))
        _ = run.handle(.treeEmpty)
        #expect(run.handle(.released(.wasOver)) == [.finish(.lost(revoked, .exited(0)))])
    }

    @Test func atMostIsOverWhenTheLeaseIsGivenBack() {
        var run = Run.running(atMost: .seconds(60))
        _ = run.handle(.childEnded(7, .exited(0)))
        _ = run.handle(.treeEmpty)
        #expect(run.machine.nextTimer == nil)
        #expect(run.handle(.timerFired, after: .seconds(100)) == [])
    }

    @Test func stragglersOfAKilledTreeAreNamedOnce() {
        var run = Run.running(grace: .zero)
        _ = run.handle(.lost(revoked))
        var named = 0
        for _ in 0..<300 where run.fireTimer().contains(.nameStragglers) { named += 1 }
        #expect(named == 1)
    }
}

/// Random walks: the machine keeps its promises whatever happens, in any order.
@Suite struct SupervisionWalkTests {
    @Test(arguments: 0..<500)
    func promisesHoldOnEveryWay(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let policy = SupervisionPolicy(
            grace: [.zero, .seconds(1)].randomElement(using: &random)!,
            atLeast: [nil, .seconds(3)].randomElement(using: &random)!,
            atMost: [nil, .seconds(2)].randomElement(using: &random)!,
            release: [.tree, .main].randomElement(using: &random)!,
            ifUnreachable: SupervisionPolicy.Unreachable.allCases.randomElement(using: &random)!,
            hasOnWin: Bool.random(using: &random),
            hasOnLose: Bool.random(using: &random),
            hasTerminal: Bool.random(using: &random)
        )
        var run = Run(policy)
        var actions: [Supervision.Action] = []
        // What is alive, according to the machine's orders and these events.
        var mainLives = false
        var treeMayLive = false
        var isStopped = false
        for _ in 0..<80 {
            let event = Self.event(using: &random)
            let isRunning = run.machine.phase == .running
            if case .spawned = event, run.machine.phase == .starting { (mainLives, treeMayLive) = (true, true) }
            if case .childEnded(7, _) = event, isRunning { mainLives = false }
            if event == .treeEmpty, isRunning, !mainLives { treeMayLive = false }
            let new = run.handle(event, after: .milliseconds(Int.random(in: 0...500, using: &random)))
            if new.contains(where: { if case .spawn = $0 { true } else { false } }) { isStopped = false }
            isStopped = isStopped || new.contains { $0 == .terminateTree || $0 == .killTree }
            let givesBack = new.contains { if case .leave = $0 { true } else { $0 == .release } }
            if givesBack {
                #expect(!mainLives, "seed \(seed): given back while the main process lived")
                #expect(!treeMayLive || policy.release == .main && !isStopped, "seed \(seed): given back, tree alive")
            }
            actions += new
        }
        for stage in [SupervisionStage.onWin, .job, .onLose] {
            #expect(actions.count { $0 == .spawn(stage) } <= 1, "seed \(seed)")
        }
        let stages = actions.compactMap { if case .spawn(let stage) = $0 { stage } else { nil } }
        #expect(stages == [.onWin, .job, .onLose].filter(stages.contains), "seed \(seed): out of order")
        let ends = actions.count { if case .leave = $0 { true } else { $0 == .release } }
        #expect(ends <= 1, "seed \(seed)")
        let finishes = actions.indices.filter { if case .finish = actions[$0] { true } else { false } }
        #expect(finishes.isEmpty || finishes == [actions.count - 1], "seed \(seed): finish comes once and last")
    }

    private static func event(using random: inout SeededGenerator) -> Supervision.Event {
        let events: [Supervision.Event] = [
            .granted, .granted, .refused(held), .refused(Refusal(kind: .unreachable, message: "away")), .spawned(7),
            .spawned(7), .notSpawned(.notFound), .signal(SIGTERM, fromTerminal: false),
            .signal(SIGINT, fromTerminal: true), .signal(SIGWINCH, fromTerminal: false), .childEnded(7, .exited(0)),
            .childEnded(7, .exited(0)), .childEnded(8, .exited(0)), .treeEmpty, .treeEmpty, .lost(revoked),
            .released(.released), .timerFired, .timerFired,
        ]
        return events.randomElement(using: &random)!
    }
}
