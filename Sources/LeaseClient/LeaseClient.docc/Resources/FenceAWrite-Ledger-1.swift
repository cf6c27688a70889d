import LeaseCore

/// A resource that the lease guards: it knows nothing of the daemon.
actor Ledger {
    private(set) var lines: [String] = []
}
