import Glibc
import LeaseCore

/// From the start of the job to the end of its tree.
extension Supervision {
    mutating func began(_ process: Int32, now: BootInstant) -> [Action] {
        main = MainProcess(process: process)
        atMostAt = policy.atMost.map { now.advanced(by: $0) }
        return enter(.running, [])
    }

    mutating func ended(_ process: Int32, _ status: JobStatus, now: BootInstant) -> [Action] {
        guard main?.process == process, main?.status == nil else { return [] }
        main?.status = status
        switch conclusion {
        case .lost(let loss, _): conclusion = .lost(loss, status)
        case .atMostReached: conclusion = .atMostReached(status)
        default: conclusion = .ended(status)
        }
        // Whoever is being stopped is stopped with all its tree, whatever `--release` says.
        if policy.release == .main, stop == nil { return release(conclusion) }
        if stragglersAt == nil { stragglersAt = now.advanced(by: Self.stragglerPatience) }
        return []
    }

    /// The tree cannot be empty before the main process was waited for; an early word of it is of no meaning.
    mutating func treeIsEmpty() -> [Action] {
        main?.status == nil ? [] : release(conclusion)
    }

    mutating func lost(_ loss: Loss, now: BootInstant) -> [Action] {
        if case .lost = conclusion { return [] }
        conclusion = .lost(loss, main?.status)
        return [.announceLoss(loss)] + terminate(now: now)
    }

    mutating func timerFired(now: BootInstant) -> [Action] {
        var actions: [Action] = []
        if let due = atMostAt, now >= due {
            atMostAt = nil
            // A lost lease is being seen to already.
            if case .lost = conclusion {
            } else {
                conclusion = .atMostReached(main?.status)
                actions += [.announceAtMost] + terminate(now: now)
            }
        }
        if let due = stragglersAt, now >= due {
            stragglersAt = nil
            actions.append(.nameStragglers)
        }
        return actions + nextRound(now: now)
    }
}

/// The stopping of the tree.
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

    /// Begins to kill the tree, at once.
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
