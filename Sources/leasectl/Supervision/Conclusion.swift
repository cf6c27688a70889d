import LeaseCore

/// How a process ended.
enum JobStatus: Hashable, Sendable {
    case exited(Int32)
    case signalled(Int32)
}

/// Why a lease is over before its holder released it.
enum Loss: Hashable, Sendable {
    /// It was revoked: the sentence that names the reason.
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
        /// There is a socket, and this user may not open it: that is no daemon that is away, and does not pass.
        case closed
        /// Nobody answers.
        case unreachable
        /// The daemon answers that it cannot: no room, a full disk.
        case unable
        /// This process, or its machine, has no descriptor or no memory left for a connection: the daemon was not
        /// asked.
        case shortage
        case denied, usage, internalError
    }

    let kind: Kind
    let message: String
}

/// How the giving back of a lease went.
enum ReleaseResult: Hashable, Sendable {
    /// It is free, or left in place until its time is up, as it was wanted.
    case released
    /// It is left in place for the daemon's longest TTL, which is shorter than was wanted.
    case leftFor(TTL)
    /// The tenure was over already.
    case wasOver
    /// The daemon could not be told; the lease ends with its tie, or its TTL.
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
    /// The daemon could not be reached, and that is as good as a run.
    case skipped(Refusal)
    /// A signal came before the job.
    case interrupted(Int32)
    case notStarted(SpawnFailure)
    /// The program of `--on-win` failed, so there was no job.
    case onWinFailed(JobStatus)
    case internalError(String)
}
