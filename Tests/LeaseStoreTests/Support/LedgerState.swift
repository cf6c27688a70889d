import LeaseCore

@testable import LeaseStore

/// All that a ledger knows and must know again after a crash.
struct LedgerState: Equatable {
    var leases: [LeaseName: Tenure]
    var lastToken: Token?
    var lastSequence: Int64

    init(_ ledger: Ledger) {
        leases = ledger.leases.all
        lastToken = ledger.tokens.last
        lastSequence = ledger.lastDurableSequence
    }

    /// Opens the store in `folder`, looks, and leaves it as a SIGKILL would.
    init(
        openingIn folder: StoreFolder,
        clock: ManualClock,
        configuration: LedgerConfiguration = LedgerConfiguration()
    ) throws {
        let ledger = try Ledger(path: folder.store, configuration: configuration, clock: clock)
        defer { ledger.abandon() }
        self.init(ledger)
    }

    /// What the next start makes of it: one row of the journal for each tenure whose times move.
    func started(at now: Moment, isSameBoot: Bool = true) -> LedgerState {
        var state = self
        for (name, tenure) in leases {
            let resumption =
                isSameBoot ? tenure.resumptionAfterRestart(at: now) : tenure.resumptionAfterReboot(at: now)
            guard let resumption else { continue }
            var lease: Tenure? = tenure
            _ = LeaseEvent.resumed(resumption).apply(to: &lease)
            state.leases[name] = lease
            state.lastSequence += 1
        }
        return state
    }
}
