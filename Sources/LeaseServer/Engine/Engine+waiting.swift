import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

/// `ACQUIRE`, and waiting for it.
///
/// A lease that becomes free is granted at the end of the turn, within the same commit, to whoever waits first:
///
///     release, expiry, …  ──┐
///     closes of the turn  ──┼→ waits whose time is up end → tenures end → the first in each line is granted → commit
///     new requests        ──┘
///
/// A request that finds its lease free with others in line is not served before them: without `WAIT` it is put off to
/// after the grants of the turn, and answered then. So is an import of such a lease. Whoever asks about it, or ends its
/// tenure, is served behind the commit: none has it free.
extension Engine {
    /// A waiter that was granted in this turn; it stays in line until that is durable.
    struct WaitedGrant {
        let id: WaiterID
        let fence: Token
    }

    /// A request that comes after those who wait.
    enum PutOff {
        case acquire(AcquireCommand)
        case importEntries([StoreEntry])
    }

    func acquire(_ command: AcquireCommand, for session: Session, now: Moment) throws(LeaseError) {
        endIfLost(command.name, now: now)
        if isAboutToBeGranted(command.name, now: now) {
            // The store, which would say so, is asked only when the line has been served.
            try session.caller.permit(.acquire, on: command.name)
            if let wait = command.wait {
                try self.wait(for: command, upTo: wait, session, now)
            } else {
                putOff(.acquire(command), of: session)
            }
            return
        }
        let request = command.request(from: session)
        let result = backend.perform(request, on: command.name, by: session.caller, now: now)
        if case .failure(let error) = result, error.code == .conflict, let wait = command.wait {
            return try self.wait(for: command, upTo: wait, session, now)
        }
        answerAcquisition(result, command, session, now)
    }

    /// Imports entries; if one is about a lease that others wait for and that is free, after them.
    func importEntries(_ entries: [StoreEntry], for session: Session, now: Moment) {
        endIfLost(among: entries.lazy.filter { $0.lease != nil }.map { LeaseName($0.key) }, now: now)
        if entries.contains(where: { $0.lease != nil && isAboutToBeGranted(LeaseName($0.key), now: now) }) {
            putOff(.importEntries(entries), of: session)
        } else {
            bringIn(entries, for: session, now: now)
        }
    }

    /// Keeps a command about leases until this turn's grants are durable, if it grants one of these; tells whether it
    /// did.
    ///
    /// What the store has refused to grant, or to end, is as it is until the store takes it, and what was kept in a
    /// turn that was refused is not kept again.
    func putOffUntilCommit(_ command: Command, on names: some Sequence<LeaseName>, _ session: Session, now: Moment)
        -> Bool
    {
        guard waiting.lines.count > 0, !isRefused,
            names.contains(where: { isAboutToBeGranted($0, now: now) && !unserved.contains($0) })
        else { return false }
        session.keptCommand = command
        session.isDeferred = true
        kept.append(session)
        return true
    }

    /// Whether the turn's end grants a lease, which is free, to the first in its line.
    private func isAboutToBeGranted(_ name: LeaseName, now: Moment) -> Bool {
        waiting.lines.count > 0 && waiting.lines.count(for: name) > 0 && isFree(name, now: now)
    }

    private func putOff(_ request: PutOff, of session: Session) {
        session.isWaiting = true
        putOffRequests.append((session, request))
    }

    private func answerAcquisition(
        _ result: Result<LeaseAnswer, LeaseError>,
        _ command: AcquireCommand,
        _ session: Session,
        _ now: Moment
    ) {
        if case .success = result {
            // It may be the token of a grant whose reply is still unwritten.
            unheardGrants.hear(of: command.name)
            if command.binds {
                attachments.add(.bound, of: command.name, on: session)
            }
        }
        reply(result, on: command.name, session, now)
    }

    /// Whether a lease can be granted; a tenure whose time has come ends.
    private func isFree(_ name: LeaseName, now: Moment) -> Bool {
        backend.perform(.holder, on: name, by: Caller.daemon, now: now) == .success(.tenure(nil))
    }

    private func wait(
        for command: AcquireCommand,
        upTo limit: WaitLimit,
        _ session: Session,
        _ now: Moment
    ) throws(LeaseError) {
        guard sessions[session.id] != nil, !isStopping else {
            // Nobody is there to be granted, or the line would not outlive the daemon: the connection just closes.
            session.isEnding = true
            return
        }
        guard !session.isInputClosed else { throw Self.closedWait(for: command.name) }
        let end: BootInstant? =
            switch limit {
            case .upTo(let duration): now.boot.advanced(by: duration)
            case .forever: nil
            }
        let waiter = Waiter(
            name: command.name,
            caller: session.caller,
            ttl: command.ttl,
            owner: command.owner ?? session.defaultOwner,
            request: command.request,
            binds: command.binds,
            end: end
        )
        let (id, replaced) = try waiting.join(waiter, session.id, limits: configuration.limits.waiting)
        session.isWaiting = true
        session.wait = id
        if let replaced = replaced.flatMap({ sessions[$0] }) {
            endWait(
                of: replaced,
                LeaseError(
                    .conflict,
                    "\(account(of: command.name, now: now)); another connection repeats this request and waits in its place"
                ),
                restsOnCommit: true
            )
        }
        scheduleTurn()
    }

    /// Who holds a lease, and for how long.
    private func account(of name: LeaseName, now: Moment) -> String {
        guard let tenure = backend.tenure(of: name) else { return "lease '\(name)' is about to be granted" }
        return tenure.account(of: name, at: now.boot)
    }

    // MARK: - The end of a wait

    /// Ends the waits whose time is up, and those of clients that have closed their writing side.
    ///
    /// A connection that is wholly gone has left its line already, and what it had sent behind its wait is dropped.
    func endWaits(now: Moment) {
        let closed = closedWaits
        closedWaits = []
        for session in closed {
            guard let id = session.wait, let (waiter, _) = waiting.leave(id) else { continue }
            endWait(of: session, Self.closedWait(for: waiter.name))
        }
        guard let earliest = waiting.earliestEnd(), earliest.instant <= now.boot else { return }
        freed += backend.takeFreed()
        let freedAt = Dictionary(freed.map { ($0.name, $0.instant) }) { $1 }
        while let (instant, id) = waiting.earliestEnd(), instant <= now.boot {
            grantWhatEnded(before: instant, awaitedBy: id, freedAt, now: now)
            guard !grants.contains(where: { $0.id == id }) else {
                waiting.holdEarliestEnd()
                continue
            }
            guard let (waiter, session) = waiting.leave(id), let session = sessions[session] else { continue }
            endWait(
                of: session,
                LeaseError(.timeout, "lease '\(waiter.name)' did not become free in time; try again, or wait longer")
            )
        }
    }

    /// Grants the lease that a waiter waits for to the first in its line, if its tenure ended before the wait does.
    ///
    /// The turn may have gone on for longer than was left of the wait; and both ends lie in the past when the daemon
    /// has been stopped for a while, or the machine suspended.
    ///
    /// - Parameter freedAt: when the leases became free whose tenures this turn has ended by now.
    private func grantWhatEnded(
        before end: BootInstant,
        awaitedBy id: WaiterID,
        _ freedAt: [LeaseName: BootInstant],
        now: Moment
    ) {
        guard let name = waiting.lines[id]?.name else { return }
        if let tenure = backend.tenure(of: name) {
            guard let tenureEnd = tenure.end, tenureEnd < end,
                // What the store has just refused is not tried again for each of them.
                schedule.maySweep(now: now.boot), isFree(name, now: now)
            else { return }
        } else {
            guard let instant = freedAt[name], instant < end else { return }
        }
        grantFirst(in: name, now: now)
    }

    private static func closedWait(for name: LeaseName) -> LeaseError {
        LeaseError(.timeout, "the connection was closed for sending, which ends the wait for lease '\(name)'")
    }

    /// Answers a waiter that has left its line without a grant.
    ///
    /// - Parameter restsOnCommit: Whether the error tells of what the turn has decided.
    func endWait(of session: Session, _ error: LeaseError, restsOnCommit: Bool = false) {
        session.wait = nil
        counters.refused(error.code)
        if restsOnCommit {
            session.replyOnCommit { $0.writeError(error, to: &$1) }
        } else {
            session.reply(error)
        }
        wake(session)
    }

    /// Has a session go on with the commands behind the one that waited.
    private func wake(_ session: Session) {
        session.isWaiting = false
        enterTurn(session)
        if session.input.readableBytes > 0 || session.isCut {
            deferCommands(of: session)
            hasMoreWork = true
        }
    }

    // MARK: - Grants

    /// Grants the leases that have become free in this turn, each to the first in its line; then serves what was put
    /// off.
    ///
    /// Returns the leases whose tenures have ended in this turn.
    func grantFreed(now: Moment) -> [LeaseName] {
        grantUnserved(now: now)
        let freed = grantLines(now: now)
        guard !putOffRequests.isEmpty else { return freed }
        let requests = putOffRequests
        putOffRequests = []
        for (session, request) in requests where sessions[session.id] != nil {
            switch request {
            case .acquire(let command):
                let request = command.request(from: session)
                let result = backend.perform(request, on: command.name, by: session.caller, now: now)
                answerAcquisition(result, command, session, now)
            case .importEntries(let entries):
                bringIn(entries, for: session, now: now)
            }
            wake(session)
        }
        return freed + grantLines(now: now)
    }

    /// Grants what a refused commit has left free, once the store may be tried again, and before anybody who came
    /// later.
    private func grantUnserved(now: Moment) {
        guard !unserved.isEmpty, schedule.maySweep(now: now.boot) || !putOffRequests.isEmpty else { return }
        let names = unserved
        unserved = []
        for name in names {
            grantFirst(in: name, now: now)
        }
    }

    private func grantLines(now: Moment) -> [LeaseName] {
        var all: [LeaseName] = []
        // A grant may end a tenure that was over, so that it looks again.
        while case let names = (freed + backend.takeFreed()).map(\.name), !names.isEmpty {
            freed = []
            all += names
            guard waiting.lines.count > 0 else { continue }
            for name in names {
                grantFirst(in: name, now: now)
            }
        }
        return all
    }

    private func grantFirst(in name: LeaseName, now: Moment) {
        while let id = waiting.lines.first(for: name), let waiter = waiting.lines[id], backend.tenure(of: name) == nil {
            guard !hasLeft(id, name) else { continue }
            switch backend.perform(waiter.acquisition, on: name, by: waiter.caller, now: now) {
            case .success(.token(let token)):
                grants.append(WaitedGrant(id: id, fence: token))
                if waiter.binds, let session = waiting.session(of: id).flatMap({ sessions[$0] }) {
                    attachments.add(.bound, of: name, on: session)
                }
            case .success:
                preconditionFailure("a grant is answered with its token")
            case .failure(let error):
                // This one cannot have it, whoever holds it: the next one may.
                guard let (_, session) = waiting.leave(id), let session = sessions[session] else { continue }
                endWait(of: session, error, restsOnCommit: true)
            }
        }
    }

    /// Whether a waiter has left its line, which is asked of its connection: the loop may be yet to see it.
    private func hasLeft(_ id: WaiterID, _ name: LeaseName) -> Bool {
        guard let session = waiting.session(of: id).flatMap({ sessions[$0] }) else { return false }
        switch session.closedSides {
        case .none:
            return false
        case .writing:
            waiting.leave(id)
            endWait(of: session, Self.closedWait(for: name))
        case .both:
            // Nobody is there to be told, and what came behind the wait is dropped with the connection.
            waiting.leave(id)
            session.wait = nil
            if !isStopping { holdings.close(session.id) }
        }
        return true
    }

    /// The turn's grants are durable: their waiters leave the lines with their tokens.
    func settleGrants() {
        let grants = grants
        self.grants = []
        for grant in grants {
            guard let (waiter, session) = waiting.leave(grant.id), let session = sessions[session] else {
                preconditionFailure("a waiter whose connection is gone was granted")
            }
            session.wait = nil
            session.reply(waitedGrant: waiter.name, fence: grant.fence)
            wake(session)
        }
        waiting.restoreEnds()
    }

    /// Nothing of the turn's grants has happened: their waiters wait on.
    ///
    /// So do those who came behind a grant that is taken back, and their lease is free: no end will tell of it.
    func dropGrants() {
        grants = []
        waiting.restoreEnds()
        unserved = waiting.lines.countsByLease.keys.filter { backend.tenure(of: $0) == nil }
    }
}

extension AcquireCommand {
    fileprivate func request(from session: Session) -> LeaseRequest {
        .acquire(ttl: ttl, owner: owner ?? session.defaultOwner, request: request, binds: binds)
    }
}
