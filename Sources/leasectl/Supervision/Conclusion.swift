import LeaseCore

/// How a process ended.
enum JobStatus: Hashable, Sendable {
    case exited(Int32)
    case signalled(Int32)
}

/// Why a lease ended before its holder released it.
enum Loss: Hashable, Sendable {
    /// It was revoked; the sentence contains the reason.
    case revoked(String)
    /// It ended in another way, or could not be renewed; the sentence says how.
    case expired(String)
}

/// Why the daemon, or the connection to it, did not do what it was asked.
struct Refusal: Hashable, Sendable {
    enum Kind: Hashable, Sendable, CaseIterable {
        /// Another holds the lease.
        case held
        /// The token is not, or no longer, the lease's.
        case lost
        /// There is a socket, and this user may not open it: the daemon is not away, and waiting does not help.
        case closed
        /// Nobody answers.
        case unreachable
        /// The daemon answered that it cannot: no room, a full disk.
        case unable
        /// This process or its machine has no descriptor or memory left for a connection: the daemon was not asked.
        case shortage
        case denied, usage, internalError
    }

    let kind: Kind
    let message: String
}

/// How the release of a lease went.
enum ReleaseResult: Hashable, Sendable {
    /// The lease is free, or left in place for the requested time.
    case released
    /// The lease is left in place for the daemon's longest TTL, which is shorter than requested.
    case leftFor(TTL)
    /// The tenure was already over.
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
    /// The job was stopped at the end of its time (`--at-most`).
    case atMostReached(JobStatus?)
    case notAcquired(Refusal)
    /// The daemon could not be reached, and that counts as success.
    case skipped(Refusal)
    /// A signal arrived before the job started.
    case interrupted(Int32)
    case notStarted(SpawnFailure)
    /// The program of `--on-win` failed, so there was no job.
    case onWinFailed(JobStatus)
    case internalError(String)
}
