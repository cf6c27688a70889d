import Glibc
import LeaseCore
import Testing

@testable import leasectl

private let away = Refusal(kind: .unreachable, message: "away")
private let revoked = Loss.revoked("by hand")

/// The programs that run before and after the job, and how long a lease is left in place.
@Suite struct SupervisionStageTests {
    private func policy(
        atLeast: Duration? = nil,
        release: SupervisionPolicy.Release = .tree,
        ifUnreachable: SupervisionPolicy.Unreachable = .fail,
        hooks: Bool = true
    ) -> SupervisionPolicy {
        SupervisionPolicy(
            grace: .seconds(10),
            atLeast: atLeast,
            release: release,
            ifUnreachable: ifUnreachable,
            hasOnWin: hooks,
            hasOnLose: hooks
        )
    }

    /// A run whose `--on-win` program is running as process 6.
    private func won(release: SupervisionPolicy.Release = .tree) -> Run {
        var run = Run(policy(release: release))
        #expect(run.handle(.granted) == [.spawn(.onWin)])
        #expect(run.handle(.spawned(6)) == [])
        return run
    }

    /// A run whose job is running as process 7.
    private func leading(release: SupervisionPolicy.Release = .tree) -> Run {
        var run = won(release: release)
        #expect(run.handle(.childEnded(6, .exited(0))) == [.spawn(.job)])
        #expect(run.handle(.spawned(7)) == [])
        return run
    }

    @Test func programsRunOneAfterAnotherAndThenTheLeaseIsGivenBack() {
        var run = leading()
        #expect(run.handle(.childEnded(7, .exited(3))) == [])
        #expect(run.handle(.treeEmpty) == [.spawn(.onLose)])
        #expect(run.handle(.spawned(8)) == [])
        #expect(run.handle(.treeEmpty) == [], "an early word of it")
        #expect(run.handle(.childEnded(8, .exited(0))) == [])
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.released)) == [.finish(.ended(.exited(3)))])
    }

    @Test func withReleaseMainOnlyTheProgramsThemselvesCount() {
        var run = leading(release: .main)
        #expect(run.handle(.childEnded(7, .exited(0))) == [.spawn(.onLose)])
        _ = run.handle(.spawned(8))
        #expect(run.handle(.childEnded(8, .exited(0))) == [.release])
    }

    @Test func jobStartsThoughItsForerunnerLeftSomethingRunning() {
        var run = won()
        #expect(run.handle(.childEnded(6, .exited(0))) == [.spawn(.job)])
        #expect(run.handle(.treeEmpty) == [])
    }

    @Test func jobThatCannotBeStartedWaitsForWhatItsForerunnerLeft() {
        var run = won()
        _ = run.handle(.childEnded(6, .exited(0)))
        #expect(run.handle(.notSpawned(.notFound)) == [])
        #expect(run.handle(.treeEmpty) == [.spawn(.onLose)])
        #expect(run.machine.conclusion == .notStarted(.notFound))
    }

    @Test func failureOfOnWinStartsNoJob() {
        var run = won()
        #expect(run.handle(.childEnded(6, .exited(4))) == [.announceFailure(.onWin, .ended(.exited(4)))])
        #expect(run.handle(.treeEmpty) == [.spawn(.onLose)])
        _ = run.handle(.spawned(8))
        _ = run.handle(.childEnded(8, .exited(0)))
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.released)) == [.finish(.onWinFailed(.exited(4)))])
    }

    @Test func onWinThatCannotBeExecutedStartsNoJob() {
        var run = Run(policy())
        _ = run.handle(.granted)
        let failure = Supervision.StageFailure.notStarted(.notFound)
        #expect(run.handle(.notSpawned(.notFound)) == [.announceFailure(.onWin, failure), .spawn(.onLose)])
        #expect(run.machine.conclusion.exitStatus(notAcquired: 75) == 127)
    }

    @Test func onLoseThatCannotBeExecutedDoesNotKeepTheLease() {
        var run = leading()
        _ = run.handle(.childEnded(7, .exited(0)))
        _ = run.handle(.treeEmpty)
        let failure = Supervision.StageFailure.notStarted(.notFound)
        #expect(run.handle(.notSpawned(.notFound)) == [.announceFailure(.onLose, failure), .release])
    }

    @Test func onLoseGetsTheGraceAndNoMore() {
        var run = leading()
        _ = run.handle(.childEnded(7, .exited(0)))
        _ = run.handle(.treeEmpty)
        _ = run.handle(.spawned(8))
        #expect(run.handle(.timerFired, after: .milliseconds(9_999)) == [])
        #expect(
            run.handle(.timerFired, after: .milliseconds(1)) == [.announceFailure(.onLose, .tookTooLong), .killTree]
        )
        #expect(run.handle(.childEnded(8, .signalled(SIGKILL))) == [], "it was told already")
        #expect(run.handle(.treeEmpty) == [.release])
    }

    @Test func onLoseRunsAfterALossWhenNothingOfTheJobIsLeft() {
        var run = leading()
        #expect(run.handle(.lost(revoked)) == [.announceLoss(revoked), .terminateTree])
        #expect(run.handle(.childEnded(7, .signalled(SIGTERM))) == [])
        #expect(run.handle(.treeEmpty) == [.spawn(.onLose)])
        _ = run.handle(.spawned(8))
        #expect(run.machine.stop == nil, "it is not stopped with the job")
        _ = run.handle(.childEnded(8, .exited(0)))
        #expect(run.handle(.treeEmpty) == [.release])
        #expect(run.handle(.released(.wasOver)) == [.finish(.lost(revoked, .signalled(SIGTERM)))])
    }

    @Test func lossWhileOnLoseRunsChangesNothing() {
        var run = leading()
        _ = run.handle(.childEnded(7, .exited(0)))
        _ = run.handle(.treeEmpty)
        _ = run.handle(.spawned(8))
        #expect(run.handle(.lost(revoked)) == [])
        _ = run.handle(.childEnded(8, .exited(0)))
        _ = run.handle(.treeEmpty)
        #expect(run.handle(.released(.wasOver)) == [.finish(.ended(.exited(0)))])
    }

    @Test func lossWhileOnWinRunsStartsNoJob() {
        var run = won()
        #expect(run.handle(.lost(revoked)) == [.announceLoss(revoked), .terminateTree])
        #expect(run.handle(.childEnded(6, .exited(0))) == [])
        #expect(run.handle(.treeEmpty) == [.spawn(.onLose)])
        _ = run.handle(.spawned(8))
        _ = run.handle(.childEnded(8, .exited(0)))
        _ = run.handle(.treeEmpty)
        #expect(run.handle(.released(.wasOver)) == [.finish(.lost(revoked, nil))])
    }

    @Test func stopSignalWhileOnWinRunsStartsNoJob() {
        var run = won()
        #expect(run.handle(.signal(SIGTERM, fromTerminal: false)) == [.forward(SIGTERM)])
        #expect(run.handle(.childEnded(6, .exited(0))) == [])
        #expect(run.handle(.treeEmpty) == [.spawn(.onLose)])
        #expect(run.machine.conclusion == .interrupted(SIGTERM))
    }

    @Test func killedOnWinIsAnInterruption() {
        var run = won()
        _ = run.handle(.signal(SIGTERM, fromTerminal: false))
        #expect(run.handle(.signal(SIGINT, fromTerminal: false)) == [.killTree])
        _ = run.handle(.childEnded(6, .signalled(SIGKILL)))
        _ = run.handle(.treeEmpty)
        #expect(run.machine.conclusion == .interrupted(SIGINT))
    }

    @Test func onLoseIsNotDisturbedByTheFirstSignal() {
        var run = leading()
        _ = run.handle(.childEnded(7, .exited(0)))
        _ = run.handle(.treeEmpty)
        _ = run.handle(.spawned(8))
        #expect(run.handle(.signal(SIGTERM, fromTerminal: false)) == [])
        #expect(run.handle(.signal(SIGUSR1, fromTerminal: false)) == [])
        #expect(run.handle(.signal(SIGTERM, fromTerminal: false)) == [.killTree])
    }

    @Test(arguments: [(SIGTERM, false, true), (SIGINT, true, true), (SIGQUIT, true, true), (SIGUSR1, false, false)])
    func signalThatMeansTheEndIsKnown(signal: Int32, fromTerminal: Bool, isStop: Bool) {
        var run = Run.running(hasTerminal: fromTerminal)
        _ = run.handle(.signal(signal, fromTerminal: fromTerminal))
        #expect(run.machine.stopSignal == (isStop ? signal : nil))
    }

    @Test(arguments: [true, false])
    func hangUpMeansTheEndOnlyWhereThereIsATerminal(hasTerminal: Bool) {
        var run = Run.running(hasTerminal: hasTerminal)
        _ = run.handle(.signal(SIGHUP, fromTerminal: false))
        #expect(run.machine.stopSignal == (hasTerminal ? SIGHUP : nil))
    }

    // MARK: - --at-least

    @Test func leaseOfAShortJobStaysForTheRestOfItsTime() {
        var run = Run(policy(atLeast: .seconds(60), hooks: false))
        _ = run.handle(.granted)
        _ = run.handle(.spawned(7))
        _ = run.handle(.childEnded(7, .exited(1)), after: .seconds(20))
        #expect(run.handle(.treeEmpty) == [.leave(.seconds(40))])
        #expect(run.handle(.released(.released)) == [.finish(.ended(.exited(1)))])
    }

    @Test(arguments: [60, 61])
    func leaseOfAJobThatTookItsTimeIsReleased(seconds: Int) {
        var run = Run(policy(atLeast: .seconds(60), hooks: false))
        _ = run.handle(.granted)
        _ = run.handle(.spawned(7))
        _ = run.handle(.childEnded(7, .exited(0)), after: .seconds(seconds))
        #expect(run.handle(.treeEmpty) == [.release])
    }

    @Test func jobThatDidNotRunLeavesNothing() {
        var run = Run(policy(atLeast: .seconds(60), hooks: false))
        _ = run.handle(.granted)
        #expect(run.handle(.notSpawned(.notFound)) == [.release])
        var lost = Run(policy(atLeast: .seconds(60), hooks: false))
        _ = lost.handle(.granted)
        _ = lost.handle(.spawned(7))
        _ = lost.handle(.lost(revoked))
        _ = lost.handle(.childEnded(7, .exited(0)))
        #expect(lost.handle(.treeEmpty) == [.release])
    }

    // MARK: - --if-unreachable

    @Test func daemonThatIsAwayFailsTheRun() {
        var run = Run(policy())
        #expect(run.handle(.refused(away)) == [.finish(.notAcquired(away))])
        #expect(Conclusion.notAcquired(away).exitStatus(notAcquired: 75) == 69)
    }

    @Test func daemonThatIsAwaySkipsTheRun() {
        var run = Run(policy(ifUnreachable: .skip))
        #expect(run.handle(.refused(away)) == [.finish(.skipped(away))])
        #expect(Conclusion.skipped(away).exitStatus(notAcquired: 75) == 0)
    }

    @Test func jobRunsWithoutALease() {
        var run = Run(policy(atLeast: .seconds(60), ifUnreachable: .run))
        #expect(run.handle(.refused(away)) == [.announceRunWithoutLease(away), .spawn(.job)])
        #expect(run.handle(.spawned(7)) == [])
        #expect(run.handle(.childEnded(7, .exited(2))) == [])
        #expect(run.handle(.treeEmpty) == [.finish(.ended(.exited(2)))], "there is nothing to give back")
    }

    @Test(arguments: Refusal.Kind.allCases.filter { $0 != .unreachable }, SupervisionPolicy.Unreachable.allCases)
    func daemonThatAnswersIsNotAway(kind: Refusal.Kind, policy choice: SupervisionPolicy.Unreachable) {
        var run = Run(policy(ifUnreachable: choice))
        let refusal = Refusal(kind: kind, message: "no")
        #expect(run.handle(.refused(refusal)) == [.finish(.notAcquired(refusal))])
    }
}
