/// What a run is told to do with its job, from its options and its surroundings.
struct SupervisionPolicy: Hashable, Sendable {
    /// When the lease is given back.
    enum Release: String, Hashable, Sendable, CaseIterable {
        /// When no descendant of the job is left.
        case tree
        /// When the main process has ended.
        case main
    }

    /// From TERM to KILL.
    var grace: Duration
    /// How long the job may run, if there is a limit.
    var atMost: Duration?
    var release: Release = .tree
    /// The job shares the process group and the terminal of `leasectl`: what the terminal sends reaches both.
    var hasTerminal = false
    /// The terminal tells its hang-up to the leader of the session alone.
    var isSessionLeader = false
}

/// How a process ended.
enum JobStatus: Hashable, Sendable {
    case exited(Int32)
    case signalled(Int32)
}

/// Why a lease is over before its holder released it.
enum Loss: Hashable, Sendable {
    /// It was revoked: the sentence of the daemon, which names the reason.
    case revoked(String)
    /// The daemon says that the fence is over.
    case expired(String)
}

/// Why the daemon, or the way to it, did not do what it was asked.
struct Refusal: Hashable, Sendable {
    enum Kind: Hashable, Sendable, CaseIterable {
        /// Another holds the lease.
        case held
        /// The token is not, or no longer, the lease's.
        case lost
        case unreachable, denied, usage, internalError
    }

    let kind: Kind
    let message: String
}

/// How the giving back of a lease went.
enum ReleaseResult: Hashable, Sendable {
    case released
    /// The tenure was over already.
    case wasOver
    /// The daemon could not be told; the lease ends with its TTL.
    case failed(String)
}

/// How a run ended.
enum Conclusion: Hashable, Sendable {
    /// The job ended by itself, or by a signal that it was sent.
    case ended(JobStatus)
    /// The lease was lost and the job was stopped.
    case lost(Loss, JobStatus?)
    /// The job was stopped at the end of its time.
    case atMostReached(JobStatus?)
    case notAcquired(Refusal)
    /// A signal came before the grant.
    case interrupted(Int32)
    case notStarted(SpawnFailure)
    case internalError(String)
}

extension Supervision {
    /// What happens to a run.
    enum Event: Hashable, Sendable {
        case granted
        case refused(Refusal)
        case spawned(Int32)
        case notSpawned(SpawnFailure)
        /// `fromTerminal`: the kernel's terminal driver sent it, to the whole foreground group (SI_KERNEL).
        case signal(Int32, fromTerminal: Bool)
        /// A child was waited for: the main process, or a descendant that became a child.
        case childEnded(Int32, JobStatus)
        /// No descendant of the job is left.
        case treeEmpty
        case lost(Loss)
        case released(ReleaseResult)
        /// ``Supervision/nextTimer`` has come.
        case timerFired
    }

    /// What is to be done.
    enum Action: Hashable, Sendable {
        /// Stop asking for the lease, and give it back if it was granted meanwhile; `refused` or `released` will tell.
        case abandon
        case spawn
        /// Send the signal to the main process, or to its group if it leads one.
        case forward(Int32)
        /// Send the signal to all of the tree: the main process is gone.
        case forwardToTree(Int32)
        case terminateTree
        case killTree
        /// Say on stderr who is still there.
        case nameStragglers
        /// Say on stderr that the job is being stopped, and why.
        case announceLoss(Loss)
        case announceAtMost
        case release
        case finish(Conclusion)
    }
}
