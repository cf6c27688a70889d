import CLinux
import Glibc
import LeaseCore

/// The job's process tree: every descendant of `leasectl`.
///
/// `leasectl` is a child subreaper, so a descendant whose parent has ended becomes its child, whatever sessions and
/// groups it has moved to; no descendant gets out of the tree. The tree is empty exactly when there is no child left.
///
/// Children that were there before the job are not the job's, and are left alone: those that an earlier job of an
/// election has left, with `--release main`. Children that `leasectl` was started with are none of its own
/// (``StandIn``).
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

    /// Who is alive in the tree now.
    func living() -> [ProcessEntry] {
        ProcessTable.descendants(of: root, among: ProcessTable.all(), excluding: foreign).filter { !$0.isZombie }
    }

    /// Takes notice of a child that has ended.
    ///
    /// Its number may be another process's from now on.
    mutating func ended(_ process: pid_t) {
        foreign.remove(process)
    }

    /// Whether a child is left but for the foreign ones; `hasChildren` is what waitpid(2) said.
    func isEmpty(hasChildren: Bool) -> Bool {
        guard hasChildren else { return true }
        guard !foreign.isEmpty else { return false }
        return !ProcessTable.all().contains { $0.parent == root && !foreign.contains($0.process) }
    }

    /// Asks each process to end that has not been asked yet, but for those that one has started after it was asked.
    ///
    /// A stopped process is continued: it could not act on the signal otherwise.
    mutating func terminate() {
        let begin = Self.ticks(at: BootClock.now())
        let unasked = rounds.unasked(among: living(), root: root)
        for entry in unasked {
            Self.send([SIGTERM, SIGCONT], to: entry.identity)
        }
        rounds.asked(unasked, in: begin...max(begin, Self.ticks(at: BootClock.now())))
    }

    /// An instant in the unit in which the kernel tells when a process has started (proc(5), field 22).
    private static func ticks(at instant: BootInstant) -> UInt64 {
        UInt64(instant.nanoseconds / (1_000_000_000 / Int64(max(sysconf(Int32(_SC_CLK_TCK)), 1))))
    }

    /// Kills every process that is there now, and for a moment each that comes.
    ///
    /// What they start afterwards is for the next round.
    func kill() {
        for entry in living() {
            Self.send([SIGKILL], to: entry.identity)
        }
        killArrivals()
    }

    /// Kills those that become children of this process, until none has for a while.
    ///
    /// A process that forks and ends hands its child on to this one, again and again, faster than a list of all
    /// processes is read; that of the children alone is read faster. A child keeps its number until it is waited for,
    /// which nobody does meanwhile: this thread alone waits.
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

    /// How long children are killed as they come, in one round.
    private static let longestPursuit: Duration = .milliseconds(20)
    /// After so long without one there is none to be expected.
    private static let quietTime: Duration = .milliseconds(2)

    /// Sends a signal to every process that is there now.
    func send(_ signal: Int32) {
        for entry in living() {
            Self.send([signal], to: entry.identity)
        }
    }

    /// Sends a signal to every process that is there now and is in another process group than this one.
    func sendToOtherGroups(_ signal: Int32) {
        let own = getpgrp()
        for entry in living() where getpgid(entry.identity.process) != own {
            Self.send([signal], to: entry.identity)
        }
    }

    /// Sends signals to that very process, or to none.
    ///
    /// The number may be another process's by now. A process descriptor stands for the process that has the number when
    /// it is opened; if that one has the same start, it is ours, and stays so.
    private static func send(_ signals: [Int32], to identity: ProcessIdentity) {
        let descriptor = clinux_pidfd_open(identity.process)
        guard descriptor >= 0 else {
            // Before Linux 5.3, or under a filter that does not know the call, the number has to do.
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
