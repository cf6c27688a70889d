import LeaseCore

/// What `leasectl run` does when: the decisions alone, without a process, a signal or a clock of its own.
///
///     acquiring ──granted──▶ starting ──spawned──▶ running ──job and tree ended──▶ releasing ──▶ finished
///         │ refused              │ not spawned                                        ▲
///         ├────────▶ finished    └────────────────────────────────────────────────────┤
///         └ signal ▶ abandoning ──────────────────────────────────────────────────────┘
///
/// While it is running the job may have to stop, in two steps: *terminating* (TERM to the whole tree, again to whoever
/// joins it) and, after the grace, *killing* (KILL to the whole tree, again until it is empty). Either is repeated at
/// each ``roundInterval``, since processes can be started faster than a list of them can be read.
///
/// Invariants: `release` is ordered only when no process is left that must be gone; `finish` comes once and last; what
/// the job is stopped for decides the conclusion, and a lost lease weighs more than a time that is up.
struct Supervision: Sendable {
    /// How long a stopped tree may take before it is looked at again.
    static let roundInterval: Duration = .milliseconds(100)
    /// How long stragglers are waited for in silence.
    static let stragglerPatience: Duration = .seconds(10)

    let policy: SupervisionPolicy
    private(set) var phase: Phase = .acquiring

    /// The conclusion that stands while the lease is given back.
    var conclusion: Conclusion = .internalError("the job was never started")
    var main: MainProcess?
    var stop: Stop?
    var stopSignals = 0
    var atMostAt: BootInstant?
    var stragglersAt: BootInstant?

    init(policy: SupervisionPolicy) {
        self.policy = policy
    }

    /// Where a run stands.
    enum Phase: Hashable, Sendable {
        case acquiring, abandoning, starting, running, releasing, finished
    }

    /// The process that was started, and how it ended if it has.
    struct MainProcess: Hashable, Sendable {
        let process: Int32
        var status: JobStatus?
    }

    /// The stopping of the tree.
    struct Stop: Hashable, Sendable {
        var isKilling: Bool
        var killAt: BootInstant
        var nextRound: BootInstant
    }

    /// The instant at which `timerFired` is due, or `nil` if there is nothing to wait for.
    var nextTimer: BootInstant? {
        [atMostAt, stragglersAt, stop?.nextRound, stop.flatMap { $0.isKilling ? nil : $0.killAt }].compactMap(\.self)
            .min()
    }

    /// Takes notice of an event and says what to do, in this order.
    mutating func handle(_ event: Event, now: BootInstant) -> [Action] {
        switch (phase, event) {
        case (.finished, _): []
        case (.acquiring, .granted): enter(.starting, [.spawn])
        case (.acquiring, .refused(let refusal)): finish(.notAcquired(refusal))
        case (.acquiring, .signal(let signal, _)): abandon(signal)
        case (.abandoning, .signal(let signal, _)): abandonAtOnce(signal)
        case (.abandoning, .refused), (.abandoning, .released): finish(conclusion)
        case (.starting, .spawned(let process)): began(process, now: now)
        case (.starting, .notSpawned(let failure)): release(.notStarted(failure))
        case (.running, .signal(let signal, let fromTerminal)): received(signal, fromTerminal: fromTerminal, now: now)
        case (.running, .childEnded(let process, let status)): ended(process, status, now: now)
        case (.running, .treeEmpty): treeIsEmpty()
        case (.running, .lost(let reason)): lost(reason, now: now)
        case (.running, .timerFired): timerFired(now: now)
        case (.releasing, .released): finish(conclusion)
        default: []
        }
    }

    mutating func enter(_ phase: Phase, _ actions: [Action]) -> [Action] {
        self.phase = phase
        return actions
    }

    /// Gives the lease back; no timer matters any more.
    mutating func release(_ conclusion: Conclusion) -> [Action] {
        self.conclusion = conclusion
        stop = nil
        atMostAt = nil
        stragglersAt = nil
        return enter(.releasing, [.release])
    }

    mutating func finish(_ conclusion: Conclusion) -> [Action] {
        enter(.finished, [.finish(conclusion)])
    }
}
