import LeaseCore

/// A fault that may go on for long: it is told when it begins, then once a minute with how often it happened.
///
/// Whoever sees it end may tell that, too.
struct OngoingFault {
    /// How far apart two lines about it are at least.
    static let interval = Duration.seconds(60)

    private var toldAt: BootInstant?
    private var untold = 0

    /// Whether it was there the last time.
    var isOngoing: Bool { toldAt != nil }

    /// It has happened; returns how often since it was last told, if it is to be told now.
    mutating func happened(at now: BootInstant) -> Int? {
        untold += 1
        if let toldAt, toldAt.duration(to: now) < Self.interval { return nil }
        toldAt = now
        defer { untold = 0 }
        return untold
    }

    /// It has not happened, which ends it; returns whether it was there before.
    @discardableResult
    mutating func end() -> Bool {
        defer { self = OngoingFault() }
        return isOngoing
    }
}
