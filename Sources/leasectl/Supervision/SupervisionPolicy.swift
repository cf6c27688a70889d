/// What a run is told to do with its job, from its options and its surroundings.
struct SupervisionPolicy: Hashable, Sendable {
    /// When the lease is given back.
    enum Release: String, Hashable, Sendable, CaseIterable {
        /// When no descendant of the job is left.
        case tree
        /// When the main process has ended.
        case main
    }

    /// What to do if the daemon cannot be reached when the lease is asked for.
    enum Unreachable: String, Hashable, Sendable, CaseIterable {
        /// Run nothing, and say so by the exit code.
        case fail
        /// Run the job without a lease.
        case run
        /// Run nothing, and count that as success.
        case skip
    }

    /// From TERM to KILL.
    var grace: Duration
    /// How long after the grant the lease stays, also if the job ends sooner.
    var atLeast: Duration?
    /// How long the job may run, if there is a limit.
    var atMost: Duration?
    var release: Release = .tree
    var ifUnreachable: Unreachable = .fail
    /// There is a program to run between the grant and the job.
    var hasOnWin = false
    /// There is a program to run between the end of the job and the giving back.
    var hasOnLose = false
    /// The job shares the process group and the terminal of `leasectl`: what the terminal sends reaches both.
    var hasTerminal = false
    /// The terminal tells its hang-up to the leader of the session alone.
    var isSessionLeader = false
}

/// What runs under the lease, one after another.
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
