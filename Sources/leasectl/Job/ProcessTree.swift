import CLinux
import Glibc
import LeaseCore

/// The job's process tree: every descendant of `leasectl`.
///
/// `leasectl` is a child subreaper: a descendant whose parent has ended becomes its child, whatever sessions and groups
/// it has moved to. So no descendant leaves the tree, and the tree is empty exactly when there is no child left.
///
/// Children that existed before the job are left alone: an earlier job of an election may have left them, with
/// `--release main`. Children that `leasectl` was started with are kept by another process (``StandIn``).
struct ProcessTree {
    private let root: pid_t
    private var foreign: Set<pid_t>
    private var rounds = TerminationRounds()

    /// The tree below this process, as it grows from now on.
    static func belowThisProcess() -> ProcessTree {
        clinux_set_child_subreaper()
        let root = getpid()
        return ProcessTree(root: root, foreign: Set(ProcessTable.all().filter { $0.parent == root }.map(\.process)))
    }

    init(root: pid_t, foreign: Set<pid_t> = []) {
        self.root = root
        self.foreign = foreign
    }

    /// The processes of the tree that are alive now.
    func living() -> [ProcessEntry] {
        ProcessTable.descendants(of: root, among: ProcessTable.all(), excluding: foreign).filter { !$0.isZombie }
    }

    /// Takes note of a child that was waited for.
    ///
    /// Its number may be reused from now on.
    mutating func ended(_ process: pid_t) {
        foreign.remove(process)
    }

    /// Whether no child is left except the foreign ones; `hasChildren` is what waitpid(2) reported.
    func isEmpty(hasChildren: Bool) -> Bool {
        guard hasChildren else { return true }
        guard !foreign.isEmpty else { return false }
        return !ProcessTable.all().contains { $0.parent == root && !foreign.contains($0.process) }
    }

    /// Sends TERM to each process that has not been asked yet, except those started by a process after it was asked.
    ///
    /// A stopped process is continued: otherwise it could not act on the signal.
    mutating func terminate() {
        let begin = Self.ticks(at: BootClock.now())
        let unasked = rounds.unasked(among: living(), root: root)
        for entry in unasked {
            Self.send([SIGTERM, SIGCONT], to: entry.identity)
        }
        rounds.asked(unasked, in: begin...max(begin, Self.ticks(at: BootClock.now())))
    }

    /// An instant in the unit of a process's start time (clock ticks; proc(5), field 22).
    private static func ticks(at instant: BootInstant) -> UInt64 {
        UInt64(instant.nanoseconds / (1_000_000_000 / Int64(max(sysconf(Int32(_SC_CLK_TCK)), 1))))
    }

    /// Kills every process that exists now, and for a moment those that arrive.
    ///
    /// Processes started afterwards are left to the next round.
    func kill() {
        for entry in living() {
            Self.send([SIGKILL], to: entry.identity)
        }
        killArrivals()
    }

    /// Kills new children of this process, until none has arrived for a while.
    ///
    /// A process that forks and exits hands its child to this one, and may repeat that faster than all of /proc can be
    /// read; the list of children alone is read faster. A child keeps its number until it is waited for, and only this
    /// thread waits, which it does not do here.
    private func killArrivals() {
        let start = BootClock.now()
        var lastArrival = start
        var killed = foreign
        var now = start
        while now < start.advanced(by: Self.longestPursuit), now < lastArrival.advanced(by: Self.quietTime),
            let children = ProcessTable.children(of: root)
        {
            for child in children where killed.insert(child).inserted {
                Glibc.kill(child, SIGKILL)
                lastArrival = now
            }
            now = BootClock.now()
        }
    }

    /// The longest time in one round for killing children as they arrive.
    private static let longestPursuit: Duration = .milliseconds(20)
    /// After this time without a new child, none is expected.
    private static let quietTime: Duration = .milliseconds(2)

    /// Sends a signal to every process that exists now.
    func send(_ signal: Int32) {
        for entry in living() {
            Self.send([signal], to: entry.identity)
        }
    }

    /// Sends a signal to every process that exists now and is in a process group other than this one's.
    func sendToOtherGroups(_ signal: Int32) {
        let own = getpgrp()
        for entry in living() where getpgid(entry.identity.process) != own {
            Self.send([signal], to: entry.identity)
        }
    }

    /// Sends signals to exactly this process, or to none.
    ///
    /// The number may have been reused. A process descriptor refers to the process that has the number when it is
    /// opened; if that process has the same start, it is the right one, and the descriptor stays bound to it.
    private static func send(_ signals: [Int32], to identity: ProcessIdentity) {
        let descriptor = clinux_pidfd_open(identity.process)
        guard descriptor >= 0 else {
            // Before Linux 5.3, or under a filter that does not know the call, the number is used.
            guard errno == ENOSYS || errno == EPERM else { return }
            guard ProcessTable.entry(identity.process)?.identity == identity else { return }
            for signal in signals { Glibc.kill(identity.process, signal) }
            return
        }
        defer { close(descriptor) }
        guard ProcessTable.entry(identity.process)?.identity == identity else { return }
        for signal in signals { _ = clinux_pidfd_send_signal(descriptor, signal) }
    }
}
