import LeaseCore

/// The decisions of `leasectl hold`, as a pure state machine.
///
///     acquiring ──granted──▶ holding ──signal──▶ releasing ──▶ finished
///         │ refused             │ lost                            ▲
///         ├─────────────────────┴─────────────────────────────────┤
///         └ signal ▶ abandoning ──────────────────────────────────┘
///
/// A lost lease is not released: what depends on this process gets the time that is left to stop.
struct Holding: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        case acquiring, abandoning, holding, releasing, finished
    }

    enum Event: Hashable, Sendable {
        case granted(Tenancy.Grant)
        case refused(Refusal)
        case signal(Int32)
        case lost(Loss)
        case released(ReleaseResult)
    }

    enum Action: Hashable, Sendable {
        /// Announce that the lease is held.
        case announce(Tenancy.Grant)
        /// Stop asking for the lease; `refused` or `released` follows.
        case abandon
        case release
        case finish(Ending)
    }

    enum Ending: Hashable, Sendable {
        /// A signal ended the holding.
        case released(ReleaseResult)
        /// A signal ended the wait.
        case interrupted(Int32)
        case refused(Refusal)
        case lost(Loss)
    }

    private(set) var phase: Phase = .acquiring
    private var signal: Int32 = 0

    /// Handles an event and returns the actions, in order.
    mutating func handle(_ event: Event) -> [Action] {
        switch (phase, event) {
        case (.acquiring, .granted(let grant)): return enter(.holding, .announce(grant))
        case (.acquiring, .refused(let refusal)): return enter(.finished, .finish(.refused(refusal)))
        case (.acquiring, .signal(let signal)):
            self.signal = signal
            return enter(.abandoning, .abandon)
        case (.abandoning, .refused): return enter(.finished, .finish(.interrupted(signal)))
        // It was granted when the signal arrived: others have seen it held.
        case (.abandoning, .released(let result)): return enter(.finished, .finish(.released(result)))
        // A second signal: the caller is in a hurry, and the daemon does not answer.
        case (.abandoning, .signal(let signal)): return enter(.finished, .finish(.interrupted(signal)))
        case (.holding, .signal): return enter(.releasing, .release)
        case (.holding, .lost(let loss)): return enter(.finished, .finish(.lost(loss)))
        case (.releasing, .released(let result)): return enter(.finished, .finish(.released(result)))
        case (.releasing, .signal):
            return enter(.finished, .finish(.released(.failed("a second signal came while the daemon was asked"))))
        default: return []
        }
    }

    private mutating func enter(_ phase: Phase, _ action: Action) -> [Action] {
        self.phase = phase
        return [action]
    }
}

extension Holding.Ending {
    var exitStatus: Int32 {
        switch self {
        case .released(.released), .released(.leftFor): ExitStatus.success
        case .released(.wasOver), .lost: ExitStatus.lost
        case .released(.failed): ExitStatus.unavailable
        case .interrupted(let signal): ExitStatus.signalled(signal)
        case .refused(let refusal): refusal.kind.exitStatus
        }
    }

    /// The sentence for stderr, or `nil` if nothing is wrong.
    func complaint(of name: LeaseName) -> String? {
        switch self {
        case .released(.released), .released(.leftFor), .interrupted: nil
        case .released(.wasOver): "lease '\(name)' was over before it was released"
        case .released(.failed(let reason)): "lease '\(name)' could not be released and ends by its TTL: \(reason)"
        case .lost(.revoked(let reason)): "lease '\(name)' was revoked: \(reason)"
        case .lost(.expired(let reason)): "lease '\(name)' was lost: \(reason)"
        case .refused(let refusal): refusal.message
        }
    }
}
