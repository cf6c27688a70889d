import CLinux
import Glibc
import LeaseCore

/// Leaves children that are not the job's to the process that has them.
///
/// A shell may execute `leasectl` with jobs of its own in the background:
///
///     producer & exec leasectl run backup consumer
///
/// They are children of the process that `leasectl` is now, and a child subreaper is given the orphans of all its
/// children: nothing would tell what a child of the shell has left behind from what the job has. So where there are
/// children already, the process divides. The one that was started keeps them, is no subreaper, and stands in for the
/// other; the other, which has no child, is `leasectl`:
///
///     the caller's process ─┬─ producer …                     its orphans go where they would without leasectl
///       stands in           └─ leasectl (subreaper) ── job …  every descendant is the job's
///
/// The first passes on the signals that it gets, waits for its children, and exits when the second does, as that did. If the
/// first is killed, so is the second, and with it the job, as if they were one.
enum StandIn {
    /// Divides the process if it has children; returns in the one that is `leasectl`, with what came of it.
    ///
    /// To be called before there is a second thread.
    ///
    /// - Parameter signals: those that are passed on.
    /// - Returns: the process that passes signals on, or `nil` if there was no reason to divide.
    /// - Throws: errno as a ``SpawnFailure``, when the machine refuses a process.
    static func divideIfNeeded(passingOn signals: [Int32], start: StartState) throws(SpawnFailure) -> pid_t? {
        guard hasChildren else { return nil }
        let parent = getpid()
        // What comes in between is queued for the parent.
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

    /// Whether there is a child, be it one that has ended (waitid(2), ECHILD).
    private static var hasChildren: Bool {
        clinux_has_children() == 1
    }

    private static func standIn(for child: pid_t, _ inbox: SignalInbox) -> Never {
        while true {
            var waiting = pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, -1)
            for signal in inbox.take() where signal.number != SIGCHLD && !isShared(signal) {
                // It was not waited for, so the number is its own.
                kill(child, signal.number)
            }
            var status: Int32 = 0
            var ended = waitpid(-1, &status, WNOHANG)
            while ended > 0, ended != child { ended = waitpid(-1, &status, WNOHANG) }
            if ended == child { exit(JobStatus(waitStatus: status).exitStatus) }
        }
    }

    /// Whether the terminal has sent the signal to both: to all of the foreground group, but for a hang-up, which is
    /// told to the leader of the session alone.
    private static func isShared(_ signal: SignalInbox.Signal) -> Bool {
        signal.isFromKernel && !(signal.number == SIGHUP && getsid(0) == getpid())
    }
}

/// Tells a signal that came twice from one that was sent twice.
///
/// Whoever signals a group of processes, or all of a service, signals ``StandIn`` and `leasectl`, and the one passes it on
/// to the other: it means one signal, and a second TERM would kill the job. So of two of a kind by different ways, one
/// soon after another, the later is an echo of the earlier.
struct SignalEchoes: Hashable, Sendable {
    /// How soon: far above what it takes to pass a signal on, also on a busy machine.
    static let window: Duration = .seconds(2)

    private struct Arrival: Hashable {
        let isPassedOn: Bool
        let instant: BootInstant
    }

    /// How the last signal of each kind came, if nothing was its echo yet.
    private var last: [Int32: Arrival] = [:]

    /// Takes notice of a signal, and says whether it is an echo.
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
