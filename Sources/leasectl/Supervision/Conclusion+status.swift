/// What a run exits with, and what it says on the way.
extension Conclusion {
    /// How the job's main process ended, if it ran and that is known.
    var jobStatus: JobStatus? {
        switch self {
        case .ended(let status): status
        case .lost(_, let status), .atMostReached(let status): status
        case .notAcquired, .interrupted, .notStarted, .internalError: nil
        }
    }

    /// The exit code.
    ///
    /// - Parameter notAcquired: What "held by another" is to exit with (`-E`, `--skip-ok`).
    func exitStatus(notAcquired: Int32) -> Int32 {
        switch self {
        case .ended(.exited(let code)): code
        case .ended(.signalled(let signal)), .interrupted(let signal): ExitStatus.signalled(signal)
        case .lost: ExitStatus.lost
        case .atMostReached: ExitStatus.atMostReached
        case .notStarted(.notFound): ExitStatus.notFound
        case .notStarted(.notExecutable): ExitStatus.cannotExecute
        case .notStarted(.refused), .internalError: ExitStatus.internalError
        case .notAcquired(let refusal): refusal.kind == .held ? notAcquired : refusal.kind.exitStatus
        }
    }

    /// The sentence for stderr, or `nil` if there is nothing to say: the job ended, or it was said when it happened.
    ///
    /// - Parameter isHeldFine: The lease being held by another is nothing wrong (`--skip-ok`).
    func complaint(program: String, isHeldFine: Bool) -> String? {
        switch self {
        case .ended, .lost, .atMostReached, .interrupted: return nil
        case .notStarted(.notFound): return "\(program): command not found"
        case .notStarted(.notExecutable(let error)):
            return "\(program) cannot be executed: \(SpawnFailure.notExecutable(error).sentence)"
        case .notStarted(let failure): return "the job cannot be started: \(failure.sentence)"
        case .internalError(let sentence): return sentence
        case .notAcquired(let refusal): return refusal.kind == .held && isHeldFine ? nil : refusal.message
        }
    }
}

extension Refusal.Kind {
    /// The exit code, with nothing said about another for "held".
    var exitStatus: Int32 {
        switch self {
        case .held: ExitStatus.notAcquired
        case .lost: ExitStatus.lost
        case .unreachable: ExitStatus.unavailable
        case .denied: ExitStatus.denied
        case .usage: ExitStatus.usage
        case .internalError: ExitStatus.internalError
        }
    }
}

extension Loss {
    /// What is said on stderr.
    var sentence: String {
        switch self {
        case .revoked(let reason): "the lease was revoked, the job is being stopped: \(reason)"
        case .expired(let reason): "the lease was lost, the job is being stopped: \(reason)"
        }
    }
}
