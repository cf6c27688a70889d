import LeaseCore
import LeaseStore
import Logging

/// What the engine knows of its folding, except when it is due (``Schedule``).
struct Folding {
    /// Whether the next commit also syncs what folding has written.
    var isUnsynced = false
    /// The last durable sequence number when folding was planned.
    var plannedSequence: Int64 = 0
    /// Whether and how often the store refuses to fold.
    var fault = OngoingFault()
}

/// Folding, in slices between turns.
extension Engine {
    /// Folds a slice if it is time for one.
    func tidy(now: Moment) {
        guard isServing else { return }
        let sequence = backend.lastDurableSequence
        if schedule.isFoldDue(now: now.boot, backlog: backend.foldBacklog) {
            let slice = Schedule.slice(
                growth: sequence - folding.plannedSequence,
                backlog: backend.foldBacklog,
                leases: backend.leaseCount
            )
            do throws(CommitFailure) {
                let isQuiet = sequence == folding.plannedSequence
                let isMore = try pausingFolding(isQuiet: isQuiet) { () throws(CommitFailure) in
                    try backend.fold(limit: slice.rows, isPaced: slice.isPaced)
                }
                schedule.didFold(now: now.boot, isMore: isMore)
                folding.isUnsynced = true
                folding.fault.end()
            } catch {
                switch error {
                case .refused(let refusal):
                    if let times = folding.fault.happened(at: now.boot) {
                        let metadata: Logger.Metadata = ["error": "\(refusal.message)", "times": "\(times)"]
                        logger.warning("folding refused", metadata: metadata)
                    }
                    schedule.delayFold(now: now.boot)
                case .unknown(let failure):
                    return fail(failure)
                }
            }
            if schedule.isFoldDue(now: now.boot, backlog: backend.foldBacklog) {
                hasMoreWork = true
            }
        }
        schedule.planFold(now: now.boot, backlog: backend.foldBacklog, hasGrown: sequence > folding.plannedSequence)
        folding.plannedSequence = sequence
    }

    /// Does `work`, then pauses folding in proportion to the time that it took.
    func pausingFolding<Value>(
        isQuiet: Bool = false,
        after work: () throws(CommitFailure) -> Value
    ) throws(CommitFailure) -> Value {
        let began = clock.now().boot
        defer {
            let now = clock.now().boot
            let duration = began.duration(to: now)
            schedule.pauseFolding(
                now: now,
                after: duration,
                backlog: backend.foldBacklog,
                leases: backend.leaseCount,
                isQuiet: isQuiet
            )
        }
        return try work()
    }
}
