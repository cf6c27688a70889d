import LeaseCore

/// The exit code of a run, and its messages.
extension Conclusion {
    /// How the job's main process ended, if it ran and this is known.
    var jobStatus: JobStatus? {
        switch self {
        case .ended(let status): status
        case .lost(_, let status), .atMostReached(let status): status
        case .notAcquired, .skipped, .interrupted, .notStarted, .onWinFailed, .internalError: nil
        }
    }

    /// Whether the job ran until it ended, or until its time was up.
    var hasRun: Bool {
        switch self {
        case .ended, .atMostReached: true
        default: false
        }
    }

    /// The exit code.
    ///
    /// - Parameter notAcquired: The exit code for "held by another" (`-E`, `--skip-ok`).
    func exitStatus(notAcquired: Int32) -> Int32 {
        switch self {
        case .ended(let status), .onWinFailed(let status): status.exitStatus
        case .interrupted(let signal): ExitStatus.signalled(signal)
        case .skipped: ExitStatus.success
        case .lost: ExitStatus.lost
        case .atMostReached: ExitStatus.atMostReached
        case .notStarted(let failure): failure.exitStatus
        case .internalError: ExitStatus.internalError
        case .notAcquired(let refusal): refusal.kind == .held ? notAcquired : refusal.kind.exitStatus
        }
    }

    /// The sentence for stderr, or `nil` if there is nothing more to say: the job ended, or the reason was printed
    /// already.
    ///
    /// - Parameter isHeldFine: Whether a lease held by another is not an error (`--skip-ok`).
    func complaint(program: String, isHeldFine: Bool) -> String? {
        switch self {
        case .ended, .lost, .atMostReached, .interrupted, .onWinFailed: return nil
        case .notStarted(.notFound): return "\(program): command not found"
        case .notStarted(.notExecutable(let error)):
            return "\(program) cannot be executed: \(SpawnFailure.notExecutable(error).sentence)"
        case .notStarted(let failure): return "the job cannot be started: \(failure.sentence)"
        case .internalError(let sentence): return sentence
        case .skipped(let refusal): return "\(refusal.message); the job is skipped"
        case .notAcquired(let refusal): return refusal.kind == .held && isHeldFine ? nil : refusal.message
        }
    }
}

extension Refusal.Kind {
    /// The exit code, unless the caller chose another for "held".
    var exitStatus: Int32 {
        switch self {
        case .held: ExitStatus.notAcquired
        case .lost: ExitStatus.lost
        case .unreachable, .unable: ExitStatus.unavailable
        case .closed, .denied: ExitStatus.denied
        case .usage: ExitStatus.usage
        case .shortage, .internalError: ExitStatus.internalError
        }
    }
}

extension Loss {
    /// The message on stderr when the job is stopped because of the loss.
    func sentence(of name: LeaseName) -> String {
        switch self {
        case .revoked(let reason): "lease '\(name)' was revoked, the job is being stopped: \(reason)"
        case .expired(let reason): "lease '\(name)' was lost, the job is being stopped: \(reason)"
        }
    }
}

extension JobStatus {
    /// The exit code with which a shell would report it.
    var exitStatus: Int32 {
        switch self {
        case .exited(let code): code
        case .signalled(let signal): ExitStatus.signalled(signal)
        }
    }
}

extension SpawnFailure {
    /// The exit code with which env(1) would report it.
    var exitStatus: Int32 {
        switch self {
        case .notFound: ExitStatus.notFound
        case .notExecutable: ExitStatus.cannotExecute
        case .refused: ExitStatus.internalError
        }
    }
}

extension Supervision.StageFailure {
    /// The message on stderr.
    ///
    /// - Parameter program: The program's path, in a form for people.
    func sentence(of stage: SupervisionStage, program path: String) -> String {
        let program = [stage.option, path].compactMap(\.self).joined(separator: " ")
        return switch self {
        case .notStarted(let failure): "\(program) cannot be executed: \(failure.sentence)"
        case .ended(.exited(let code)): "\(program) failed with exit code \(code)"
        case .ended(.signalled(let signal)): "\(program) was ended by signal \(signal)"
        case .tookTooLong: "\(program) has run for the whole grace; it is being killed"
        }
    }
}
