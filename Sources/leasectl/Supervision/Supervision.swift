import LeaseCore

/// The decisions of `leasectl run`, as a state machine without processes, signals or a clock.
///
///     acquiring ──granted──▶ starting ⇄ running ──all stages ended──▶ releasing ──▶ finished
///         │ refused              │                                        ▲
///         ├────────▶ finished    └─ the job could not be started ─────────┤
///         └ signal ▶ abandoning ──────────────────────────────────────────┘
///
/// Up to three programs run under the lease, one after another, its *stages*: that of `--on-win`, the job, that of
/// `--on-lose`. `starting` and `running` refer to the present stage.
///
/// A running job may have to stop, in two steps: *terminating* (TERM to the whole tree as it is then; processes that it
/// starts to clean up are left alone) and, after the grace, *killing* (KILL to the whole tree until it is empty). Each
/// step is repeated at every ``roundInterval``, because processes can be started faster than they can be listed.
///
/// Invariants: the lease is released once, and only when no process is left that must be gone; `finish` comes once and
/// last; the reason for the stop decides the conclusion, and a lost lease takes precedence over `--at-most`.
struct Supervision: Sendable {
    typealias Stage = SupervisionStage

    /// How long after a round of stopping the tree the next one follows.
    static let roundInterval: Duration = .milliseconds(100)
    /// How long to wait for stragglers before naming them.
    static let stragglerPatience: Duration = .seconds(10)

    let policy: SupervisionPolicy
    private(set) var phase: Phase = .acquiring
    var stage: Stage = .job
    /// The signal that asked `leasectl` itself to stop, if any.
    var stopSignal: Int32?

    /// The conclusion so far; it stands while the lease is released.
    var conclusion: Conclusion = .internalError("the job was never started")
    /// The process of the present stage.
    var main: MainProcess?
    var stop: Stop?
    var stopSignals = 0
    var atMostAt: BootInstant?
    var stragglersAt: BootInstant?
    /// Until when the program of `--on-lose` may run.
    var onLoseLimit: BootInstant?
    /// When the lease was granted; also `nil` while the job runs without one.
    private(set) var grantedAt: BootInstant?

    init(policy: SupervisionPolicy) {
        self.policy = policy
    }

    enum Phase: Hashable, Sendable {
        case acquiring, abandoning, starting, running, releasing, finished
    }

    /// The process that was started, and how it ended, if it has.
    struct MainProcess: Hashable, Sendable {
        let process: Int32
        var status: JobStatus?
    }

    struct Stop: Hashable, Sendable {
        var isKilling: Bool
        var killAt: BootInstant
        var nextRound: BootInstant
    }

    /// The instant at which `timerFired` is due, or `nil` if there is nothing to wait for.
    var nextTimer: BootInstant? {
        [atMostAt, stragglersAt, onLoseLimit, stop?.nextRound, stop.flatMap { $0.isKilling ? nil : $0.killAt }]
            .compactMap(\.self).min()
    }

    /// Handles an event and returns the actions, in order.
    mutating func handle(_ event: Event, now: BootInstant) -> [Action] {
        switch (phase, event) {
        case (.finished, _): []
        case (.acquiring, .granted): granted(now: now)
        case (.acquiring, .refused(let refusal)): refused(refusal)
        case (.acquiring, .signal(let signal, _)): abandon(signal)
        case (.abandoning, .signal(let signal, _)): abandonAtOnce(signal)
        case (.abandoning, .refused), (.abandoning, .released): finish(conclusion)
        case (.starting, .spawned(let process)): began(process, now: now)
        case (.starting, .notSpawned(let failure)): notStarted(failure, now: now)
        case (.running, .signal(let signal, let fromTerminal)): received(signal, fromTerminal: fromTerminal, now: now)
        case (.running, .childEnded(let process, let status)): ended(process, status, now: now)
        case (.running, .treeEmpty): treeIsEmpty(now: now)
        case (.running, .lost(let reason)): lost(reason, now: now)
        case (.running, .timerFired): timerFired(now: now)
        case (.releasing, .released): finish(conclusion)
        case (_, .signal(let signal, _)): remember(signal)
        default: []
        }
    }

    private mutating func granted(now: BootInstant) -> [Action] {
        grantedAt = now
        return start(policy.hasOnWin ? .onWin : .job)
    }

    private mutating func refused(_ refusal: Refusal) -> [Action] {
        guard refusal.kind == .unreachable else { return finish(.notAcquired(refusal)) }
        switch policy.ifUnreachable {
        case .fail: return finish(.notAcquired(refusal))
        case .skip: return finish(.skipped(refusal))
        case .run: return [.announceRunWithoutLease(refusal)] + start(.job)
        }
    }

    /// Begins a stage; nothing of the previous one matters any more.
    mutating func start(_ stage: Stage) -> [Action] {
        self.stage = stage
        main = nil
        forgetTimers()
        return enter(.starting, [.spawn(stage)])
    }

    mutating func enter(_ phase: Phase, _ actions: [Action]) -> [Action] {
        self.phase = phase
        return actions
    }

    /// Releases the lease, or leaves it in place for the rest of `--at-least`.
    mutating func release(now: BootInstant) -> [Action] {
        forgetTimers()
        guard let grantedAt else { return finish(conclusion) }
        if conclusion.hasRun, let atLeast = policy.atLeast {
            let rest = now.duration(to: grantedAt.advanced(by: atLeast))
            if rest > .zero { return enter(.releasing, [.leave(rest)]) }
        }
        return enter(.releasing, [.release])
    }

    mutating func finish(_ conclusion: Conclusion) -> [Action] {
        enter(.finished, [.finish(conclusion)])
    }

    private mutating func forgetTimers() {
        stop = nil
        atMostAt = nil
        stragglersAt = nil
        onLoseLimit = nil
    }
}
