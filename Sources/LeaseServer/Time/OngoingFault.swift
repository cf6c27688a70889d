import LeaseCore

/// A fault that may last: it is reported when it begins, then once a minute with how often it happened.
///
/// Its end may be reported, too.
struct OngoingFault {
    /// The least time between two reports.
    static let interval = Duration.seconds(60)

    private var toldAt: BootInstant?
    private var untold = 0

    /// Whether the fault was there the last time.
    var isOngoing: Bool { toldAt != nil }

    /// The fault has happened; returns how often since the last report, or `nil` if another is too early.
    mutating func happened(at now: BootInstant) -> Int? {
        untold += 1
        if let toldAt, toldAt.duration(to: now) < Self.interval { return nil }
        toldAt = now
        defer { untold = 0 }
        return untold
    }

    /// The fault has not happened, which ends it; returns whether it was there.
    @discardableResult
    mutating func end() -> Bool {
        defer { self = OngoingFault() }
        return isOngoing
    }
}
