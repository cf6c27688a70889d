import LeaseCore

/// When the engine must next wake up by itself, and what for.
///
/// Nothing runs at intervals. There is one wake-up, at the earliest of: the next change of a tenure by time, the next
/// end of a wait, a folding that is delayed until the clients are quiet, a retry of what the store refused, and a
/// status that came too soon after the last one. With none of these there is no wake-up.
struct Schedule {
    /// The most tenures that one turn ends by time, so that many at once do not hold up everybody.
    static let sweepSlice = 1024
    /// The most journal rows that one turn folds, fewer where leases stay held; the slice makes the turn longer.
    static let foldSlice = 2048
    /// The same where turns are long anyway.
    static let longFoldSlice = 16_384
    /// With more rows than this, slices are folded even while clients are busy.
    static let foldBacklog: Int64 = 16_384
    /// The pause after folding, as a multiple of the time that the folding took.
    static let foldPause = 24.0
    /// How long folding is delayed after something has happened.
    ///
    /// Under steady traffic it is delayed until the backlog is long: a short slice amid the traffic writes every lease
    /// that is held just then.
    static let foldDelay = Duration.seconds(1)
    /// How long to wait before a retry of what the store refused.
    static let retryDelay = Duration.seconds(1)
    /// The least time between two reports of the status.
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

    /// Whether to fold a slice in this turn.
    func isFoldDue(now: BootInstant, backlog: Int64) -> Bool {
        guard backlog > 0 || foldAt != nil, foldNotBefore.map({ now >= $0 }) ?? true else { return false }
        guard foldPauseEnd.map({ now >= $0 }) ?? true else { return false }
        return backlog > Self.foldBacklog || foldAt.map { now >= $0 } ?? false
    }

    /// How many rows to fold in this turn.
    ///
    /// A slice writes only the leases still held at its end, so longer slices write less per row. When turns are long
    /// anyway, a long slice adds little.
    ///
    /// Where each row is about another lease, as when many are renewed, a paced slice may fold less than a turn writes.
    /// Above ``mostBacklog(leases:)`` a slice is not paced and folds at least twice what the turn wrote: clients that
    /// write that fast wait for it.
    ///
    /// - Parameters:
    ///   - growth: how many rows the turn has written.
    ///   - backlog: how many rows are not folded.
    ///   - leases: how many leases are held.
    static func slice(growth: Int64, backlog: Int64, leases: Int) -> (rows: Int, isPaced: Bool) {
        guard backlog <= mostBacklog(leases: leases) else { return (max(2 * Int(growth), longFoldSlice), false) }
        return (min(max(20 * Int(min(growth, Int64(longFoldSlice))), foldSlice), longFoldSlice), true)
    }

    /// Plans to fold what is left once it has been quiet for ``foldDelay``.
    ///
    /// - Parameter hasGrown: whether something has become durable since the last call: then it is not quiet.
    mutating func planFold(now: BootInstant, backlog: Int64, hasGrown: Bool) {
        if backlog > 0, foldAt == nil || hasGrown {
            foldAt = now.advanced(by: Self.foldDelay)
        }
    }

    /// A slice has been folded.
    ///
    /// - Parameter isMore: whether there is more to fold, or history to remove; the next turn continues with it.
    mutating func didFold(now: BootInstant, isMore: Bool) {
        foldNotBefore = nil
        foldAt = isMore ? now : nil
    }

    /// Pauses folding for a multiple of the time that it, or the sync of what it wrote, has taken.
    ///
    /// Where many leases stay held, folding takes a while, and the pause leaves clients most of the time. Above half of
    /// ``mostBacklog(leases:)`` the pause becomes shorter, so that the backlog is bounded.
    ///
    /// - Parameter isQuiet: whether clients have done nothing since the last slice: then the pause is short.
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

    /// With more rows than this to be folded, slices follow each other without a pause.
    ///
    /// It is two for each held lease, and for each row of ``foldBacklog``. So what waits in memory stays in proportion
    /// to the leases, however fast clients write.
    static func mostBacklog(leases: Int) -> Int64 {
        2 * (foldBacklog + Int64(leases))
    }

    mutating func delayFold(now: BootInstant) {
        foldNotBefore = now.advanced(by: Self.retryDelay)
    }

    // MARK: - The status

    /// Returns whether to report a status now, and reserves the time if so; one that is too early is planned for later.
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

    /// When the timer must fire, or `nil` for never.
    func nextWakeUp(earliestDue: BootInstant?, earliestWaitEnd: BootInstant? = nil) -> BootInstant? {
        let due = earliestDue.map { max($0, sweepNotBefore ?? $0) }
        let fold = foldAt.map { max($0, foldNotBefore ?? $0, foldPauseEnd ?? $0) }
        return [due, earliestWaitEnd, fold, tellAt].compactMap(\.self).min()
    }
}
