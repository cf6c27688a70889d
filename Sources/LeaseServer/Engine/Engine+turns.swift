import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// Turns: what is read together is decided together, committed together and answered together.
extension Engine {
    /// Has the session's replies written at the end of this turn.
    func joinTurn(_ session: Session) {
        enterTurn(session)
        scheduleTurn()
    }

    /// Has the session's replies written at the end of the turn that is under way.
    func enterTurn(_ session: Session) {
        guard !session.isInTurn else { return }
        session.isInTurn = true
        turn.append(session)
    }

    /// Has a turn end, after all that the loop has read by now.
    func scheduleTurn() {
        guard !isTurnScheduled, isServing else { return }
        isTurnScheduled = true
        eventLoop.execute { self.assumeIsolated { $0.endTurn() } }
    }

    var isServing: Bool {
        switch state {
        case .running, .lastLook, .draining: true
        case .failed, .closed: false
        }
    }

    /// Whether connections close because the daemon stops.
    var isStopping: Bool {
        switch state {
        case .running, .lastLook: false
        case .draining, .failed, .closed: true
        }
    }

    private func endTurn() {
        guard isServing else { return }
        if backend.hasBatch, gathering.isMissingSome {
            readExpected()
        }
        if backend.hasBatch, gathering.looksAgain() {
            isTurnScheduled = false
            wakeUp?.call()
            return
        }
        processDeferred()
        isTurnScheduled = false
        let now = clock.now()
        // At equal instants a wait ends before a lease does.
        endWaits(now: now)
        let lost = endLost(now: now)
        var sweep = sweep(now: now)
        let freed = grantFreed(now: now)
        isGivingOut = true
        do throws(CommitFailure) {
            let hasBatch = backend.hasBatch
            try commit(hasBatch: hasBatch)
            for session in turn {
                session.replies.commitSucceeded()
            }
            notes.commitSucceeded(logger)
            for (name, fence) in lost { holdings.didEnd(name, fence: fence) }
            endedAsLost.removeAll(keepingCapacity: true)
            unheardGrants.commitSucceeded()
            releaseHoldings(of: freed)
            settleGrants()
            settleAttachments()
            // Behind the replies of waiters and ties, which are written only now.
            announce()
        } catch {
            switch error {
            case .refused(let refusal):
                commitRefused(refusal, now: now)
                sweep = .refused(refusal)
            case .unknown(let failure):
                return fail(failure)
            }
        }
        if case .partial = sweep {
            hasMoreWork = true
        }
        let answered = flush()
        answerPings()
        advanceListings(now: now, sweep: sweep)
        tidy(now: now)
        isGivingOut = false
        guard isServing else { return }
        processKept()
        isRefused = false
        rest(now: now)
        readOn(from: answered)
    }

    /// Ends a turn: sees to it that the next one comes when it is due.
    private func rest(now: Moment) {
        guard isServing else { return }
        tellStatus(now: now)
        if hasMoreWork || !deferred.isEmpty {
            hasMoreWork = false
            wakeUp?.call()
        } else {
            timer?.arm(
                at: schedule.nextWakeUp(
                    // What is lost ends, and what is free is granted, at once, or when the store takes it again.
                    earliestDue: holdings.lost.isEmpty && unserved.isEmpty ? backend.earliestDue() : now.boot,
                    earliestWaitEnd: waiting.earliestEnd()?.instant
                )
            )
        }
        switch state {
        case .lastLook(let turns): lookOnceMore(turns: turns)
        case .draining where sessions.isEmpty && deferred.isEmpty && kept.isEmpty:
            drained?()
            drained = nil
        case .running, .draining, .failed, .closed: break
        }
    }

    /// How far a turn has come with ending tenures by time.
    enum Sweep {
        /// All whose time had come are ended.
        case whole
        /// There are more.
        case partial
        /// The store does not take it, in this turn or shortly before it.
        case refused(LeaseError)
    }

    /// Ends tenures whose time has come, a slice a turn.
    private func sweep(now: Moment) -> Sweep {
        if let refusal, !schedule.maySweep(now: now.boot) { return .refused(refusal) }
        return backend.expire(now: now, limit: Schedule.sweepSlice) ? .partial : .whole
    }

    private func commit(hasBatch: Bool) throws(CommitFailure) {
        if hasBatch, folding.isUnsynced {
            folding.isUnsynced = false
            try pausingFolding { () throws(CommitFailure) in try backend.commit() }
        } else {
            try backend.commit()
        }
        if hasBatch {
            committed()
        }
    }

    private func committed() {
        counters.commits += 1
        if commitFault.end() {
            logger.notice("the store takes commits again")
        }
    }

    private func commitRefused(_ refusal: LeaseError, now: Moment) {
        counters.refusedCommits += 1
        if let times = commitFault.happened(at: now.boot) {
            logger.error("commit refused", metadata: ["error": "\(refusal.message)", "times": "\(times)"])
        }
        for session in turn {
            let refused = session.replies.commitRefused(refusal, encoder: session.encoder)
            counters.refused(refusal.code, count: refused)
        }
        notes.commitRefused()
        dropGrants()
        dropAttachments(refusal)
        endedAsLost.removeAll(keepingCapacity: true)
        lose(unheardGrants.commitRefused())
        isRefused = true
        self.refusal = refusal
        // Whatever ended by time is still held in memory: trying again at once would spin.
        schedule.delaySweep(now: now.boot)
    }

    /// Gives out the turn's replies, one flush a connection, and tells who was in the turn.
    private func flush() -> [Session] {
        let sessions = turn
        turn = []
        gathering.endTurn()
        load = TurnLoad()
        for session in sessions {
            session.isInTurn = false
            session.turnCommands = 0
            let isOver = session.isOver
            var bytes = takeReplies(of: session)
            if isOver, !session.isClosing {
                session.isEnding = true
                session.isClosing = true
                // Nothing is written after this, so that when it has gone out all has.
                session.channel.writeAndFlush(bytes).whenComplete { [channel = session.channel] _ in
                    channel.close(promise: nil)
                }
                endBinding(of: session)
            } else if bytes.readableBytes > 0 {
                write(bytes, to: session)
                session.replies.reuse(&bytes)
            }
            if session.hasMore {
                deferCommands(of: session)
            }
            updateReading(of: session)
        }
        return sessions
    }

    /// Reads on from those who have just been answered: of many clients most have sent their next command by the time
    /// that all are answered, and reading it at once saves the loop's way to it.
    ///
    /// Who is not read here is found by the loop, which looks at every socket before the turn ends.
    private func readOn(from answered: [Session]) {
        expected = answered.count >= Self.fewestToReadOn ? answered : []
        guard !expected.isEmpty, !isTurnScheduled else { return }
        // The wake-up calls the turn that follows, and not the loop itself, which would see to no socket.
        isTurnScheduled = true
        readExpected()
        isTurnScheduled = false
        if !turn.isEmpty { wakeUp?.call() }
    }

    /// Reads those who are expected, again and again as long as somebody has sent something.
    private func readExpected() {
        guard state == .running else { return }
        while readExpectedOnce() {}
    }

    /// Reads those who are expected, in the order in which they were answered, and keeps those who have sent nothing.
    ///
    /// It ends where a few in a row have sent nothing yet, since those behind them were answered later.
    ///
    /// Returns whether somebody had sent something.
    private func readExpectedOnce() -> Bool {
        var (asked, kept, misses) = (0, 0, 0)
        var hasFound = false
        while asked < expected.count, misses < Self.mostMisses {
            let session = expected[asked]
            asked += 1
            // Neither who is gone, nor whom the loop has read meanwhile.
            guard session.isReading, !session.isEnding, !gathering.hasJoined(session.lastTurn) else { continue }
            if session.read(into: &readBuffer) {
                hasFound = true
                misses = 0
                received(readBuffer, from: session)
            } else {
                misses += 1
                expected[kept] = session
                kept += 1
            }
        }
        expected.removeSubrange(kept..<asked)
        return hasFound
    }

    /// Of fewer clients hardly any has sent something again by then.
    private static let fewestToReadOn = 8
    /// After so many in a row that have sent nothing, nobody else is asked.
    private static let mostMisses = 3

    func updateReading(of session: Session) {
        guard session.isReading != session.isReadable else { return }
        session.isReading = session.isReadable
        _ = session.channel.setOption(.autoRead, value: session.isReading)
    }
}
