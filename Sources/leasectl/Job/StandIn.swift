import CLinux
import Glibc
import LeaseCore

/// Leaves children that are not the job's to the process that has them.
///
/// A shell may execute `leasectl` while it has background jobs:
///
///     producer & exec leasectl run backup consumer
///
/// These become children of `leasectl`. A child subreaper also inherits the orphans of all its children, so their
/// orphans could not be told from the job's. Therefore, if there are children already, the process forks. The original
/// process keeps them, is not a subreaper, and stands in for the other; the other, which has no children, is
/// `leasectl`:
///
///     the caller's process ─┬─ producer …                     its orphans go where they would without leasectl
///       stands in           └─ leasectl (subreaper) ── job …  every descendant is the job's
///
/// The stand-in passes on the signals that it gets, waits for its children, and exits when `leasectl` does, with the
/// same status. If the stand-in is killed, so is `leasectl`, and with it the job, as if they were one process.
enum StandIn {
    /// Forks if the process has children; returns in the process that is `leasectl`.
    ///
    /// Must be called before there is a second thread.
    ///
    /// - Parameter signals: the signals that are passed on.
    /// - Returns: the process that passes signals on, or `nil` if there was no need to fork.
    /// - Throws: errno as a ``SpawnFailure``, if the machine refuses a process.
    static func divideIfNeeded(passingOn signals: [Int32], start: StartState) throws(SpawnFailure) -> pid_t? {
        guard hasChildren else { return nil }
        let parent = getpid()
        // Signals that arrive before the fork is done are queued for the parent.
        let inbox = try SignalInbox(signals, start: start)
        let child = clinux_fork()
        guard child >= 0 else { throw .refused(errno) }
        guard child > 0 else {
            clinux_set_parent_death_signal(SIGKILL)
            guard getppid() == parent else { _exit(ExitStatus.internalError) }
            return parent
        }
        standIn(for: child, inbox)
    }

    /// Whether there is a child, even one that has ended (waitid(2), ECHILD).
    private static var hasChildren: Bool {
        clinux_has_children() == 1
    }

    private static func standIn(for child: pid_t, _ inbox: SignalInbox) -> Never {
        while true {
            var waiting = pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, -1)
            for signal in inbox.take() where signal.number != SIGCHLD && !isShared(signal) {
                // The child was not waited for, so the number is still its own.
                kill(child, signal.number)
            }
            var status: Int32 = 0
            var ended = waitpid(-1, &status, WNOHANG)
            while ended > 0, ended != child { ended = waitpid(-1, &status, WNOHANG) }
            if ended == child { exit(JobStatus(waitStatus: status).exitStatus) }
        }
    }

    /// Whether the terminal has sent the signal to both processes: it signals the whole foreground group, except for a
    /// hang-up, which only the session leader gets.
    private static func isShared(_ signal: SignalInbox.Signal) -> Bool {
        signal.isFromKernel && !(signal.number == SIGHUP && getsid(0) == getpid())
    }
}

/// Tells a signal that arrived twice from one that was sent twice.
///
/// A signal to a process group, or to a whole service, reaches both ``StandIn`` and `leasectl`, and the stand-in passes
/// it on. One request then arrives twice, but a second TERM would kill the job. So if two signals of a kind arrive by
/// different ways within ``window``, the later one is an echo of the earlier.
struct SignalEchoes: Hashable, Sendable {
    /// The longest delay of an echo: far above the time to pass a signal on, even on a busy machine.
    static let window: Duration = .seconds(2)

    private struct Arrival: Hashable {
        let isPassedOn: Bool
        let instant: BootInstant
    }

    /// How the last signal of each kind arrived, unless its echo has arrived as well.
    private var last: [Int32: Arrival] = [:]

    /// Takes note of a signal, and returns whether it is an echo.
    mutating func takeEcho(_ signal: Int32, isPassedOn: Bool, now: BootInstant) -> Bool {
        if let earlier = last[signal], earlier.isPassedOn != isPassedOn,
            earlier.instant.duration(to: now) < Self.window
        {
            last[signal] = nil
            return true
        }
        last[signal] = Arrival(isPassedOn: isPassedOn, instant: now)
        return false
    }
}
