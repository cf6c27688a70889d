import LeaseCore
import Testing

@testable import LeaseServer

@Suite struct ScheduleTests {
    private var schedule = Schedule()
    private let start = BootInstant(nanoseconds: 1_000_000_000_000)

    private func after(_ duration: Duration) -> BootInstant { start.advanced(by: duration) }

    /// All combinations of the reasons for a wake-up.
    @Test(arguments: 0..<8)
    func wakeUpIsTheEarliestOfWhatIsThereAndNoneOfNothing(mix: Int) {
        var schedule = Schedule()
        var expected: [BootInstant] = []
        let end = mix & 1 != 0 ? after(.milliseconds(700)) : nil
        if let end { expected.append(end) }
        if mix & 2 != 0 {
            schedule.planFold(now: start, backlog: 1, hasGrown: true)
            expected.append(after(Schedule.foldDelay))
        }
        if mix & 4 != 0 {
            let told = [-500, 0].map { schedule.takeStatusSlot(now: after(.milliseconds($0)), isNew: true) }
            #expect(told == [true, false])
            expected.append(after(.milliseconds(500)))
        }
        #expect(schedule.nextWakeUp(earliestDue: end) == expected.min())
    }

    // MARK: Folding

    @Test mutating func nothingToFoldIsNeverDue() {
        schedule.planFold(now: start, backlog: 0, hasGrown: true)
        #expect(!schedule.isFoldDue(now: after(.seconds(100)), backlog: 0))
        #expect(schedule.nextWakeUp(earliestDue: nil) == nil)
    }

    @Test mutating func foldIsDueOnceTheDelayHasPassedAndNotBefore() {
        schedule.planFold(now: start, backlog: 1, hasGrown: true)
        schedule.planFold(now: after(.milliseconds(900)), backlog: 1, hasGrown: false)
        #expect(!schedule.isFoldDue(now: after(Schedule.foldDelay - .nanoseconds(1)), backlog: 2))
        #expect(schedule.isFoldDue(now: after(Schedule.foldDelay), backlog: 2))
    }

    @Test mutating func steadyTrafficPutsFoldingOffUntilTheBacklogIsLong() {
        for step in 0..<100 {
            let now = after(Schedule.foldDelay / 2 * step)
            #expect(!schedule.isFoldDue(now: now, backlog: Schedule.foldBacklog))
            schedule.planFold(now: now, backlog: Schedule.foldBacklog, hasGrown: true)
            #expect(schedule.nextWakeUp(earliestDue: nil) == now.advanced(by: Schedule.foldDelay))
        }
        let last = after(Schedule.foldDelay / 2 * 99)
        schedule.didFold(now: last, isMore: true)
        schedule.planFold(now: last, backlog: 1, hasGrown: true)
        #expect(!schedule.isFoldDue(now: last, backlog: 1), "what a long backlog leaves over waits, too")
        #expect(schedule.isFoldDue(now: last.advanced(by: Schedule.foldDelay), backlog: 1))
    }

    @Test func longBacklogIsFoldedAtOnce() {
        #expect(!schedule.isFoldDue(now: start, backlog: Schedule.foldBacklog))
        #expect(schedule.isFoldDue(now: start, backlog: Schedule.foldBacklog + 1))
    }

    @Test mutating func foldGoesOnUntilAllIsFoldedThenRests() {
        schedule.planFold(now: start, backlog: 2, hasGrown: true)
        let due = after(Schedule.foldDelay)
        schedule.didFold(now: due, isMore: true)
        #expect(schedule.isFoldDue(now: due, backlog: 1))
        schedule.didFold(now: due, isMore: false)
        #expect(!schedule.isFoldDue(now: due, backlog: 0))
        #expect(schedule.nextWakeUp(earliestDue: nil) == nil)
    }

    @Test mutating func historyIsRemovedAlsoWhenNothingIsToFold() {
        schedule.didFold(now: start, isMore: true)
        #expect(schedule.isFoldDue(now: start, backlog: 0))
    }

    @Test(arguments: [Int64(1), Schedule.foldBacklog + 1])
    mutating func refusedFoldIsLeftAloneForTheDelay(backlog: Int64) {
        schedule.planFold(now: start, backlog: backlog, hasGrown: true)
        let due = after(Schedule.foldDelay)
        schedule.delayFold(now: due)
        schedule.planFold(now: due, backlog: backlog, hasGrown: false)
        let again = due.advanced(by: Schedule.retryDelay)
        #expect(!schedule.isFoldDue(now: again.advanced(by: .nanoseconds(-1)), backlog: backlog))
        #expect(schedule.nextWakeUp(earliestDue: nil) == again)
        #expect(schedule.isFoldDue(now: again, backlog: backlog))
    }

    @Test mutating func foldingPausesForSomeTimesAsLongAsItTook() {
        let backlog = Schedule.foldBacklog + 1
        schedule.didFold(now: start, isMore: true)
        schedule.pauseFolding(now: start, after: .milliseconds(2), backlog: 0, leases: 0)
        let end = after(.milliseconds(2) * Schedule.foldPause)
        #expect(!schedule.isFoldDue(now: end.advanced(by: .nanoseconds(-1)), backlog: backlog))
        #expect(schedule.nextWakeUp(earliestDue: nil) == end)
        #expect(schedule.isFoldDue(now: end, backlog: backlog))
        // The sync of what the fold wrote counts, too.
        schedule.pauseFolding(now: start, after: .milliseconds(1), backlog: 0, leases: 0)
        #expect(!schedule.isFoldDue(now: end, backlog: backlog))
        #expect(schedule.isFoldDue(now: after(.milliseconds(3) * Schedule.foldPause), backlog: backlog))
    }

    @Test mutating func thePauseIsShortWhereNobodyIsHeldUp() {
        schedule.didFold(now: start, isMore: true)
        schedule.pauseFolding(now: start, after: .milliseconds(2), backlog: 0, leases: 0, isQuiet: true)
        #expect(schedule.nextWakeUp(earliestDue: nil) == after(.milliseconds(2)))
    }

    @Test(arguments: [0, 1, 1_000_000])
    func theMoreIsToBeFoldedForEachLeaseTheShorterThePause(leases: Int) {
        func pause(_ backlog: Int64) -> BootInstant? {
            var schedule = Schedule()
            schedule.didFold(now: start, isMore: true)
            schedule.pauseFolding(now: start, after: .milliseconds(2), backlog: backlog, leases: leases)
            return schedule.nextWakeUp(earliestDue: nil)
        }
        let most = Schedule.mostBacklog(leases: leases)
        #expect(most == 32_768 + 2 * Int64(leases))
        #expect(pause(Schedule.foldBacklog) == after(.milliseconds(2) * Schedule.foldPause))
        #expect(pause(most / 2) == after(.milliseconds(2) * Schedule.foldPause))
        #expect(pause(most * 3 / 4).map { $0 < after(.milliseconds(2) * Schedule.foldPause * 0.51) } == true)
        #expect(pause(most) == start)
        #expect(pause(2 * most) == start)
    }

    // MARK: Ends by time

    @Test mutating func refusedSweepDoesNotWakeBeforeTheDelay() {
        #expect(schedule.maySweep(now: start))
        schedule.delaySweep(now: start)
        let again = after(Schedule.retryDelay)
        #expect(!schedule.maySweep(now: again.advanced(by: .nanoseconds(-1))))
        #expect(schedule.nextWakeUp(earliestDue: start) == again)
        #expect(schedule.maySweep(now: again))
        let later = after(.seconds(60))
        #expect(schedule.nextWakeUp(earliestDue: later) == later)
    }

    // MARK: The status

    @Test mutating func statusIsToldAtMostOnceASecondAndTheLastOneIsToldInTheEnd() {
        var told: [BootInstant] = []
        for step in 0..<50 {
            let now = after(.milliseconds(100) * step)
            if schedule.takeStatusSlot(now: now, isNew: true) { told.append(now) }
        }
        #expect(told == (0..<5).map { after(.seconds(1) * $0) })
        #expect(schedule.nextWakeUp(earliestDue: nil) == after(.seconds(5)))
        let isTold = schedule.takeStatusSlot(now: after(.seconds(5)), isNew: true)
        #expect(isTold)
        #expect(schedule.nextWakeUp(earliestDue: nil) == nil)
    }

    @Test mutating func statusThatIsNotNewWakesNobody() {
        let told = [true, true, false].map { schedule.takeStatusSlot(now: start, isNew: $0) }
        #expect(told == [true, false, false])
        #expect(schedule.nextWakeUp(earliestDue: nil) == nil)
    }

    @Test func aSliceGrowsWithTheTurnThatItMakesLonger() {
        let most = Schedule.mostBacklog(leases: 1000)
        func rows(_ growth: Int64) -> Int { Schedule.slice(growth: growth, backlog: most, leases: 1000).rows }
        #expect(rows(0) == Schedule.foldSlice)
        #expect(rows(50) == Schedule.foldSlice)
        #expect(rows(400) == 8000)
        #expect(rows(800) == 16_000)
        #expect(rows(.max) == Schedule.longFoldSlice)
        #expect(Schedule.slice(growth: 50, backlog: most, leases: 1000).isPaced)
    }

    @Test(arguments: [0, 50, 100_000] as [Int64])
    func behindTheMostBacklogASliceFoldsMoreThanTheTurnHasWritten(growth: Int64) {
        let slice = Schedule.slice(growth: growth, backlog: Schedule.mostBacklog(leases: 1000) + 1, leases: 1000)
        #expect(!slice.isPaced && slice.rows > growth)
    }
}
