import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// Turns: what is read together is decided together, committed together and answered together.
extension Engine {
    /// Makes this turn write the session's replies, and schedules its end.
    func joinTurn(_ session: Session) {
        enterTurn(session)
        scheduleTurn()
    }

    /// Makes the turn under way write the session's replies.
    func enterTurn(_ session: Session) {
        guard !session.isInTurn else { return }
        session.isInTurn = true
        turn.append(session)
    }

    /// Ends the turn after everything that the loop has read so far.
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
            // After the replies of waiters and ties, which are written only now.
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

    /// Finishes a turn: the next one comes when it is due.
    private func rest(now: Moment) {
        guard isServing else { return }
        tellStatus(now: now)
        if hasMoreWork || !deferred.isEmpty {
            hasMoreWork = false
            wakeUp?.call()
        } else {
            timer?.arm(
                at: schedule.nextWakeUp(
                    // Lost tenures end and free leases are granted at once, or when the store may be tried again.
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

    /// How far a turn has come in ending tenures by time.
    enum Sweep {
        /// All tenures whose time had come have ended.
        case whole
        /// There are more.
        case partial
        /// Refused by the store, in this turn or shortly before.
        case refused(LeaseError)
    }

    /// Ends tenures whose time has come, a slice per turn.
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
        // Tenures that ended by time are still held in memory: trying again at once would spin.
        schedule.delaySweep(now: now.boot)
    }

    /// Writes the turn's replies, one flush per connection; returns the turn's sessions.
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
                // Nothing is written after this: once it is out, everything is.
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

    /// Reads the sessions that were just answered.
    ///
    /// Of many clients, most have sent their next command by the time that all are answered; reading it here saves a
    /// trip through the loop. The loop finds the others: it looks at every socket before the turn ends.
    private func readOn(from answered: [Session]) {
        expected = answered.count >= Self.fewestToReadOn ? answered : []
        guard !expected.isEmpty, !isTurnScheduled else { return }
        // The wake-up calls the next turn: if the loop did, it would look at no socket.
        isTurnScheduled = true
        readExpected()
        isTurnScheduled = false
        if !turn.isEmpty { wakeUp?.call() }
    }

    /// Reads the expected sessions, again as long as one of them has sent something.
    private func readExpected() {
        guard state == .running else { return }
        while readExpectedOnce() {}
    }

    /// Reads the expected sessions in the order in which they were answered, and keeps those that have sent nothing.
    ///
    /// It stops after a few misses in a row, since the others were answered later.
    ///
    /// Returns whether a session had sent something.
    private func readExpectedOnce() -> Bool {
        var (asked, kept, misses) = (0, 0, 0)
        var hasFound = false
        while asked < expected.count, misses < Self.mostMisses {
            let session = expected[asked]
            asked += 1
            // Skip sessions that are gone, or that the loop has read meanwhile.
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

    /// With fewer clients, hardly any has sent its next command by then.
    private static let fewestToReadOn = 8
    /// After this many misses in a row, no other session is read.
    private static let mostMisses = 3

    func updateReading(of session: Session) {
        guard session.isReading != session.isReadable else { return }
        session.isReading = session.isReadable
        _ = session.channel.setOption(.autoRead, value: session.isReading)
    }
}
