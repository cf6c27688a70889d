import LeaseCore

/// When the engine is next to be woken without being asked, and for what.
///
/// Nothing is done at intervals. There is one wake-up, at the earliest of: what time next does to a tenure, the next end of
/// a wait, a folding that was put off until the clients are quiet, a second try of what the store refused, and a status
/// that was told too recently. With none of them there is none.
struct Schedule {
    /// The most tenures that one turn ends by time, so that many at once do not hold up everybody.
    static let sweepSlice = 1024
    /// The most journal rows that one turn folds, fewer where leases stay; each turn is longer by its slice.
    static let foldSlice = 2048
    /// The same where turns are long by themselves.
    static let longFoldSlice = 16_384
    /// From this many rows on, slices are folded also while clients are busy.
    static let foldBacklog: Int64 = 16_384
    /// How many times as long as folding took the pause behind it is.
    static let foldPause = 24.0
    /// How long folding is put off after something has happened.
    ///
    /// Under steady traffic it is put off until the backlog is long: a short slice under way writes every lease that is
    /// held just then.
    static let foldDelay = Duration.seconds(1)
    /// How long what the store refused is left alone.
    static let retryDelay = Duration.seconds(1)
    /// How far apart two reports of the status are at least.
    static let tellDelay = Duration.seconds(1)

    private var sweepNotBefore: BootInstant?
    private var foldNotBefore: BootInstant?
    private var foldAt: BootInstant?
    private var foldPauseEnd: BootInstant?
    private var tellNotBefore: BootInstant?
    private var tellAt: BootInstant?

    // MARK: - Ends by time

    func maySweep(now: BootInstant) -> Bool {
        sweepNotBefore.map { now >= $0 } ?? true
    }

    mutating func delaySweep(now: BootInstant) {
        sweepNotBefore = now.advanced(by: Self.retryDelay)
    }

    // MARK: - Folding

    /// Whether a slice is to be folded in this turn.
    func isFoldDue(now: BootInstant, backlog: Int64) -> Bool {
        guard backlog > 0 || foldAt != nil, foldNotBefore.map({ now >= $0 }) ?? true else { return false }
        guard foldPauseEnd.map({ now >= $0 }) ?? true else { return false }
        return backlog > Self.foldBacklog || foldAt.map { now >= $0 } ?? false
    }

    /// How many rows to fold in this turn.
    ///
    /// A slice writes what is held at its end, which is the less for each row the longer the slice is. With many commands in
    /// each turn much is held, and a long slice makes a long turn only a little longer.
    ///
    /// Where each row is another lease, as when many are renewed, a slice that is paced may fold less than a turn
    /// writes. With more than ``mostBacklog(leases:)`` it is not paced any more, and folds twice as much: whoever
    /// writes that fast waits for it.
    ///
    /// - Parameters:
    ///   - growth: how many rows the turn has written.
    ///   - backlog: how many are to be folded.
    ///   - leases: how many are held.
    static func slice(growth: Int64, backlog: Int64, leases: Int) -> (rows: Int, isPaced: Bool) {
        guard backlog <= mostBacklog(leases: leases) else { return (max(2 * Int(growth), longFoldSlice), false) }
        return (min(max(20 * Int(min(growth, Int64(longFoldSlice))), foldSlice), longFoldSlice), true)
    }

    /// Has what is not folded yet folded once it has been quiet for a while.
    ///
    /// - Parameter hasGrown: whether something has become durable since the last call: then it is not quiet.
    mutating func planFold(now: BootInstant, backlog: Int64, hasGrown: Bool) {
        if backlog > 0, foldAt == nil || hasGrown {
            foldAt = now.advanced(by: Self.foldDelay)
        }
    }

    /// A slice has been folded.
    ///
    /// - Parameter isMore: whether there is more to fold, or history to remove; the next turn goes on with it.
    mutating func didFold(now: BootInstant, isMore: Bool) {
        foldNotBefore = nil
        foldAt = isMore ? now : nil
    }

    /// Folding has taken time, or the sync of what it wrote has: it pauses for some times as long.
    ///
    /// Where many leases stay, folding takes a while, and clients have most of the time meanwhile. Beyond half of
    /// ``mostBacklog(leases:)`` the pause becomes shorter, so that the backlog has an end.
    ///
    /// - Parameter isQuiet: whether nobody has had anything done since the last slice: then the pause is short.
    mutating func pauseFolding(
        now: BootInstant,
        after duration: Duration,
        backlog: Int64,
        leases: Int,
        isQuiet: Bool = false
    ) {
        let most = Self.mostBacklog(leases: leases)
        let share = min(2 * Double(max(most - backlog, 0)) / Double(most), 1)
        let pause = duration * (share * (isQuiet ? 1 : Self.foldPause))
        foldPauseEnd = max(foldPauseEnd ?? now, now).advanced(by: pause)
    }

    /// With so many rows to be folded, slices follow each other without a pause.
    ///
    /// Two for each lease that is held, and for each row that is let gather anyway. So what waits in memory stays in
    /// proportion to the leases, whoever writes how fast.
    static func mostBacklog(leases: Int) -> Int64 {
        2 * (foldBacklog + Int64(leases))
    }

    mutating func delayFold(now: BootInstant) {
        foldNotBefore = now.advanced(by: Self.retryDelay)
    }

    // MARK: - The status

    /// Takes the time for a status, and says whether that is now; one that is too early is planned for later.
    mutating func takeStatusSlot(now: BootInstant, isNew: Bool) -> Bool {
        tellAt = nil
        guard isNew else { return false }
        if let tellNotBefore, now < tellNotBefore {
            tellAt = tellNotBefore
            return false
        }
        tellNotBefore = now.advanced(by: Self.tellDelay)
        return true
    }

    // MARK: - The timer

    /// When the timer is to fire, or `nil` for never.
    func nextWakeUp(earliestDue: BootInstant?, earliestWaitEnd: BootInstant? = nil) -> BootInstant? {
        let due = earliestDue.map { max($0, sweepNotBefore ?? $0) }
        let fold = foldAt.map { max($0, foldNotBefore ?? $0, foldPauseEnd ?? $0) }
        return [due, earliestWaitEnd, fold, tellAt].compactMap(\.self).min()
    }
}
