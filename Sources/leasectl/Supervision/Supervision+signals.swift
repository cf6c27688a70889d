import Glibc
import LeaseCore

/// What a signal to `leasectl` means.
extension Supervision {
    /// The signals that a job gets when `leasectl` does.
    static let forwarded: [Int32] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH]

    /// Those that do not end a process which knows nothing of them.
    static let harmless: Set<Int32> = [SIGCONT, SIGWINCH]

    /// A signal while there is no lease yet: `leasectl` ends as if the signal had ended it.
    mutating func abandon(_ signal: Int32) -> [Action] {
        guard !Self.harmless.contains(signal) else { return [] }
        conclusion = .interrupted(signal)
        return enter(.abandoning, [.abandon])
    }

    /// Another one: the caller is in a hurry, and the daemon does not answer.
    mutating func abandonAtOnce(_ signal: Int32) -> [Action] {
        Self.harmless.contains(signal) ? [] : finish(.interrupted(signal))
    }

    /// A signal while the job, or a program beside it, runs.
    ///
    /// What the terminal sends has reached the job already, and a person who types Ctrl-C to a job twice means the job;
    /// so neither is it forwarded nor does it count. Once the job's main process has ended there is only `leasectl` to
    /// type an interrupt to: what is left behind in other groups, which the terminal does not reach, gets it then. A
    /// second TERM or INT by other means, or by that, kills the tree. The program of `--on-lose` tells others that the
    /// lease is being given back, so it gets nothing but that.
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

    /// A signal while nothing can be sent on, as before the job's start or after its end: no other term follows.
    mutating func remember(_ signal: Int32) -> [Action] {
        if isStop(signal) { stopSignal = signal }
        return []
    }

    /// Whether the signal tells that what was begun is not wanted any more.
    ///
    /// A hang-up does so only where there is a terminal: services take it as "read your configuration again".
    private func isStop(_ signal: Int32) -> Bool {
        [SIGTERM, SIGINT, SIGQUIT].contains(signal) || signal == SIGHUP && policy.hasTerminal
    }

    /// When a terminal goes away the kernel tells the leader of the session, and nobody else.
    private func isUnsharedHangUp(_ signal: Int32) -> Bool {
        signal == SIGHUP && policy.isSessionLeader
    }
}
