import Glibc
import LeaseCore

/// What a signal to `leasectl` means.
extension Supervision {
    /// The signals that are passed on to the job.
    static let forwarded: [Int32] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH]

    /// The signals that do not end a process by default.
    static let harmless: Set<Int32> = [SIGCONT, SIGWINCH]

    /// A signal while there is no lease yet: `leasectl` ends as if the signal had ended it.
    mutating func abandon(_ signal: Int32) -> [Action] {
        guard !Self.harmless.contains(signal) else { return [] }
        conclusion = .interrupted(signal)
        return enter(.abandoning, [.abandon])
    }

    /// A second signal: the caller is in a hurry, and the daemon does not answer.
    mutating func abandonAtOnce(_ signal: Int32) -> [Action] {
        Self.harmless.contains(signal) ? [] : finish(.interrupted(signal))
    }

    /// A signal while the job, or the program of another stage, runs.
    ///
    /// A signal from the terminal has already reached the job, and a person who types Ctrl-C twice means the job: it is
    /// neither forwarded nor counted. Once the job's main process has ended, a typed INT or QUIT is meant for
    /// `leasectl`: it is sent to what the job left in other process groups, which the terminal does not reach, and an
    /// INT counts. A second TERM or INT that counts kills the tree. The program of `--on-lose` tells others that the
    /// lease is being released, so nothing but that KILL is sent to it.
    mutating func received(_ signal: Int32, fromTerminal: Bool, now: BootInstant) -> [Action] {
        if isStop(signal) { stopSignal = signal }
        let isTyped = fromTerminal && policy.hasTerminal && !isUnsharedHangUp(signal)
        guard !isTyped || main?.status != nil && [SIGINT, SIGQUIT].contains(signal) else { return [] }
        if signal == SIGTERM || signal == SIGINT {
            stopSignals += 1
            if stopSignals > 1 { return kill(now: now) }
        }
        guard stage != .onLose else { return [] }
        guard !isTyped else { return [.forwardToOtherGroups(signal)] }
        return [main?.status == nil ? .forward(signal) : .forwardToTree(signal)]
    }

    /// A signal while there is nothing to forward it to, before the job's start or after its end.
    ///
    /// A stop signal prevents another term.
    mutating func remember(_ signal: Int32) -> [Action] {
        if isStop(signal) { stopSignal = signal }
        return []
    }

    /// Whether the signal means that the run should stop.
    ///
    /// A hang-up does so only if there is a terminal: services take it as "reload the configuration".
    private func isStop(_ signal: Int32) -> Bool {
        [SIGTERM, SIGINT, SIGQUIT].contains(signal) || signal == SIGHUP && policy.hasTerminal
    }

    /// When a terminal goes away, the kernel signals only the session leader.
    private func isUnsharedHangUp(_ signal: Int32) -> Bool {
        signal == SIGHUP && policy.isSessionLeader
    }
}
