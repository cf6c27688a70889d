/// How a run treats its job, from its options and its environment.
struct SupervisionPolicy: Hashable, Sendable {
    /// When the lease is released.
    enum Release: String, Hashable, Sendable, CaseIterable {
        /// When no descendant of the job is left.
        case tree
        /// When the main process has ended.
        case main
    }

    /// What to do if the daemon cannot be reached when the lease is asked for.
    enum Unreachable: String, Hashable, Sendable, CaseIterable {
        /// Run nothing, and report that in the exit code.
        case fail
        /// Run the job without a lease.
        case run
        /// Run nothing, and count that as success.
        case skip
    }

    /// The time between TERM and KILL.
    var grace: Duration
    /// How long after the grant the lease stays, even if the job ends sooner.
    var atLeast: Duration?
    /// How long the job may run, if there is a limit.
    var atMost: Duration?
    var release: Release = .tree
    var ifUnreachable: Unreachable = .fail
    /// Whether a program runs between the grant and the job.
    var hasOnWin = false
    /// Whether a program runs between the end of the job and the release.
    var hasOnLose = false
    /// Whether the job shares the process group and the terminal of `leasectl`: signals from the terminal reach both.
    var hasTerminal = false
    /// Whether this process leads its session: the terminal's hang-up is sent to the leader alone.
    var isSessionLeader = false
}

/// The programs that run under the lease, one after another.
enum SupervisionStage: Hashable, Sendable {
    case onWin, job, onLose

    /// The option that names the program, or `nil` for the command itself.
    var option: String? {
        switch self {
        case .onWin: "--on-win"
        case .job: nil
        case .onLose: "--on-lose"
        }
    }
}
