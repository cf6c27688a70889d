import LeaseCore

@testable import LeaseStore

/// What a tenure is attached to; the test library also has a type of this name.
typealias Attachment = LeaseCore.Attachment

/// Everything that a ledger knows and must know again after a crash.
struct LedgerState: Equatable {
    var leases: [LeaseName: Tenure]
    var lastToken: Token?
    var lastSequence: Int64

    init(_ ledger: Ledger) {
        leases = ledger.leases.tenures
        lastToken = ledger.tokens.last
        lastSequence = ledger.lastDurableSequence
    }

    /// Opens the store in `folder`, reads the state, and leaves the store as a SIGKILL would.
    init(
        openingIn folder: StoreFolder,
        clock: ManualClock,
        configuration: LedgerConfiguration = LedgerConfiguration(),
        keptTies: Set<Token> = []
    ) throws {
        let ledger = try Ledger(path: folder.store, configuration: configuration, clock: clock, keptTies: keptTies)
        defer { ledger.abandon() }
        self.init(ledger)
    }

    /// The fences of the tied tenures.
    var ties: Set<Token> { Set(leases.values.filter { $0.attachment == .tied }.map(\.fence)) }

    /// The state after the next start: one row of the journal for each tenure that moves, loses its tie or ends.
    func started(at now: Moment, isSameBoot: Bool = true, keptTies: Set<Token> = []) -> LedgerState {
        var state = self
        for (name, tenure) in leases {
            guard isSameBoot || tenure.attachment == .nothing else {
                state.leases[name] = nil
                state.lastSequence += 1
                continue
            }
            let resumption =
                isSameBoot
                ? tenure.resumptionAfterRestart(at: now, isTieKept: keptTies.contains(tenure.fence))
                : tenure.resumptionAfterReboot(at: now)
            guard let resumption else { continue }
            var lease: Tenure? = tenure
            _ = TenureEvent.resumed(resumption).apply(to: &lease)
            state.leases[name] = lease
            state.lastSequence += 1
        }
        return state
    }
}
