import LeaseCore

/// The leases that a restart may change, noted while they are read.
///
/// Of a million leases, most have more time left than a restart gives, and are neither bound nor tied. A lease that has
/// ended since it was noted may still be among them.
struct ReturningLeases {
    /// How long reading may take before the notes are useless.
    private static let patience: Duration = .seconds(120)

    /// Tenures that last until this instant are not noted for their time.
    private let horizon: BootInstant
    private var noted: Set<LeaseName> = []

    /// Starts with no leases; reading begins at `now`.
    init(from now: BootInstant) {
        horizon = now.advanced(by: Self.patience + Tenure.restartGrace)
    }

    /// Notes a tenure, as a row leaves it, if a restart may change it.
    mutating func note(_ name: LeaseName, _ tenure: Tenure) {
        guard tenure.attachment != .nothing || tenure.deadline.boot < horizon else { return }
        noted.insert(name)
    }

    /// The leases that a restart at `now` may change, or `nil` if reading took so long that it may be any.
    func names(at now: BootInstant) -> [LeaseName]? {
        now.advanced(by: Tenure.restartGrace) <= horizon ? Array(noted) : nil
    }
}
