import LeaseCore

/// The leases that a restart may change, noted while they are read: of a million most have more time left than a
/// restart gives, and hang on nothing.
///
/// A lease that has ended since it was noted may be among them.
struct ReturningLeases {
    /// How long reading may take until this is of no use.
    private static let patience: Duration = .seconds(120)

    /// Tenures that last until then are not noted for their time.
    private let horizon: BootInstant
    private var noted: Set<LeaseName> = []

    /// None yet; reading begins at `now`.
    init(from now: BootInstant) {
        horizon = now.advanced(by: Self.patience + Tenure.restartGrace)
    }

    /// Takes notice of a tenure, as a row leaves it.
    mutating func note(_ name: LeaseName, _ tenure: Tenure) {
        guard tenure.attachment != .nothing || tenure.deadline.boot < horizon else { return }
        noted.insert(name)
    }

    /// Those that a restart at `now` may change, or `nil` if reading took so long that it may be any.
    func names(at now: BootInstant) -> [LeaseName]? {
        now.advanced(by: Tenure.restartGrace) <= horizon ? Array(noted) : nil
    }
}
