import Glibc
import LeaseCore

/// From the start of a stage to the end of its tree.
extension Supervision {
    mutating func began(_ process: Int32, now: BootInstant) -> [Action] {
        main = MainProcess(process: process)
        switch stage {
        case .onWin: break
        case .job: atMostAt = policy.atMost.map { now.advanced(by: $0) }
        case .onLose: onLoseLimit = now.advanced(by: policy.grace)
        }
        return enter(.running, [])
    }

    mutating func notStarted(_ failure: SpawnFailure, now: BootInstant) -> [Action] {
        switch stage {
        case .job:
            conclusion = .notStarted(failure)
            guard policy.hasOnWin, policy.release == .tree else { return conclude(now: now) }
            // The program of `--on-win` may have left something running.
            main = MainProcess(process: 0, status: .exited(failure.exitStatus))
            stragglersAt = now.advanced(by: Self.stragglerPatience)
            return enter(.running, [])
        case .onWin:
            conclusion = .onWinFailed(.exited(failure.exitStatus))
            return [.announceFailure(.onWin, .notStarted(failure))] + conclude(now: now)
        case .onLose:
            return [.announceFailure(.onLose, .notStarted(failure))] + release(now: now)
        }
    }

    mutating func ended(_ process: Int32, _ status: JobStatus, now: BootInstant) -> [Action] {
        guard main?.process == process, main?.status == nil else { return [] }
        main?.status = status
        if stragglersAt == nil { stragglersAt = now.advanced(by: Self.stragglerPatience) }
        switch stage {
        case .onWin: return onWinEnded(status, now: now)
        case .job: return jobEnded(status, now: now)
        case .onLose: return onLoseEnded(status, now: now)
        }
    }

    private mutating func jobEnded(_ status: JobStatus, now: BootInstant) -> [Action] {
        switch conclusion {
        case .lost(let loss, _): conclusion = .lost(loss, status)
        case .atMostReached: conclusion = .atMostReached(status)
        default: conclusion = .ended(status)
        }
        // Once a stop has begun, the whole tree is stopped, whatever `--release` says.
        return policy.release == .main && stop == nil ? conclude(now: now) : []
    }

    /// The job starts as soon as the program of `--on-win` has ended, whatever that has left running.
    private mutating func onWinEnded(_ status: JobStatus, now: BootInstant) -> [Action] {
        var actions: [Action] = []
        if case .lost = conclusion {
        } else if let stopSignal {
            conclusion = .interrupted(stopSignal)
        } else if status == .exited(0) {
            return start(.job)
        } else {
            conclusion = .onWinFailed(status)
            actions = [.announceFailure(.onWin, .ended(status))]
        }
        return actions + (policy.release == .main && stop == nil ? conclude(now: now) : [])
    }

    private mutating func onLoseEnded(_ status: JobStatus, now: BootInstant) -> [Action] {
        onLoseLimit = nil
        let failure: [Action] =
            status == .exited(0) || stop != nil ? [] : [.announceFailure(.onLose, .ended(status))]
        return failure + (policy.release == .main && stop == nil ? release(now: now) : [])
    }

    /// The tree cannot be empty before the main process was waited for; an earlier report is ignored.
    mutating func treeIsEmpty(now: BootInstant) -> [Action] {
        main?.status == nil ? [] : conclude(now: now)
    }

    /// The job is over: run the program of `--on-lose`, if any, and then release the lease.
    private mutating func conclude(now: BootInstant) -> [Action] {
        stage != .onLose && policy.hasOnLose && grantedAt != nil ? start(.onLose) : release(now: now)
    }

    /// A job that has ended cannot be stopped; the program of `--on-lose` has its own limit.
    mutating func lost(_ loss: Loss, now: BootInstant) -> [Action] {
        if case .lost = conclusion { return [] }
        guard stage != .onLose else { return [] }
        conclusion = .lost(loss, stage == .job ? main?.status : nil)
        return [.announceLoss(loss)] + terminate(now: now)
    }

    mutating func timerFired(now: BootInstant) -> [Action] {
        var actions: [Action] = []
        if let due = atMostAt, now >= due {
            atMostAt = nil
            // The job is already being stopped for a lost lease.
            if case .lost = conclusion {
            } else {
                conclusion = .atMostReached(main?.status)
                actions += [.announceAtMost] + terminate(now: now)
            }
        }
        if let due = onLoseLimit, now >= due {
            onLoseLimit = nil
            actions += [.announceFailure(.onLose, .tookTooLong)] + kill(now: now)
        }
        if let due = stragglersAt, now >= due {
            stragglersAt = nil
            actions.append(.nameStragglers)
        }
        return actions + nextRound(now: now)
    }
}

extension Supervision {
    /// Begins to stop the tree, unless that has begun.
    mutating func terminate(now: BootInstant) -> [Action] {
        guard stop == nil else { return [] }
        guard policy.grace > .zero else { return kill(now: now) }
        stop = Stop(
            isKilling: false,
            killAt: now.advanced(by: policy.grace),
            nextRound: now.advanced(by: Self.roundInterval)
        )
        return [.terminateTree]
    }

    mutating func kill(now: BootInstant) -> [Action] {
        if stop?.isKilling != true { stragglersAt = now.advanced(by: Self.stragglerPatience) }
        stop = Stop(isKilling: true, killAt: now, nextRound: now.advanced(by: Self.roundInterval))
        return [.killTree]
    }

    private mutating func nextRound(now: BootInstant) -> [Action] {
        guard let stop else { return [] }
        if stop.isKilling ? now >= stop.nextRound : now >= stop.killAt { return kill(now: now) }
        guard now >= stop.nextRound else { return [] }
        self.stop?.nextRound = now.advanced(by: Self.roundInterval)
        return [.terminateTree]
    }
}
