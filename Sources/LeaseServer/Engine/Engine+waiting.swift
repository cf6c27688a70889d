import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

/// `ACQUIRE`, and waiting for it.
///
/// A lease that becomes free is granted to its first waiter at the end of the turn, within the same commit:
///
///     release, expiry, …  ──┐
///     closes of the turn  ──┼→ waits whose time is up end → tenures end → the first in each line is granted → commit
///     new requests        ──┘
///
/// A request that finds its lease free with others in line is served after them; without `WAIT`, or as an import, in
/// the same turn. A command that asks about the lease, or ends its tenure, is served after the commit: no commit has
/// the lease free.
extension Engine {
    /// A waiter granted in this turn; it stays in line until the grant is durable.
    struct WaitedGrant {
        let id: WaiterID
        let fence: Token
    }

    /// A request that is served after those in line.
    enum PutOff {
        case acquire(AcquireCommand)
        case importEntries([StoreEntry])
    }

    func acquire(_ command: AcquireCommand, for session: Session, now: Moment) throws(LeaseError) {
        endIfLost(command.name, now: now)
        if isAboutToBeGranted(command.name, now: now) {
            // The store would check this, but it is asked only after the line has been served.
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

    /// Imports entries; after the waiters, if one is about a free lease that others wait for.
    func importEntries(_ entries: [StoreEntry], for session: Session, now: Moment) {
        endIfLost(among: entries.lazy.filter { $0.lease != nil }.map { LeaseName($0.key) }, now: now)
        if entries.contains(where: { $0.lease != nil && isAboutToBeGranted(LeaseName($0.key), now: now) }) {
            putOff(.importEntries(entries), of: session)
        } else {
            bringIn(entries, for: session, now: now)
        }
    }

    /// Postpones a command about leases that this turn will grant until the grants are durable; returns whether it did.
    ///
    /// Not for a lease whose grant or end the store has refused, and not again after a refused commit: otherwise a
    /// command could wait as long as the disk is full.
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

    /// Whether a lease is free and has waiters, so that this turn grants it.
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
            // The token may be that of a grant whose reply is still unwritten.
            unheardGrants.hear(of: command.name)
            if command.binds {
                attachments.add(.bound, of: command.name, on: session)
            }
        }
        reply(result, on: command.name, session, now)
    }

    /// Whether a lease can be granted; ends a tenure whose time has come.
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
            // Nobody is there to be granted, or the line ends with the daemon: the connection just closes.
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

    /// Ends waits whose time is up, and those of clients that have closed their writing side.
    ///
    /// Waiters whose connections are entirely gone have left their lines; what they sent after the wait is dropped.
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

    /// Grants a waiter's lease to the first in its line, if the tenure ended before the wait does.
    ///
    /// The turn may outlast the wait; and both ends are past if the daemon was stopped for a while, or the machine
    /// suspended.
    ///
    /// - Parameter freedAt: when the leases became free whose tenures this turn has ended so far.
    private func grantWhatEnded(
        before end: BootInstant,
        awaitedBy id: WaiterID,
        _ freedAt: [LeaseName: BootInstant],
        now: Moment
    ) {
        guard let name = waiting.lines[id]?.name else { return }
        if let tenure = backend.tenure(of: name) {
            guard let tenureEnd = tenure.end, tenureEnd < end,
                // What the store has just refused is not tried again for each waiter.
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
    /// - Parameter restsOnCommit: Whether the error depends on what the turn has decided.
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

    /// Continues with the session's commands after the one that waited.
    private func wake(_ session: Session) {
        session.isWaiting = false
        enterTurn(session)
        if session.input.readableBytes > 0 || session.isCut {
            deferCommands(of: session)
            hasMoreWork = true
        }
    }

    // MARK: - Grants

    /// Grants the leases freed in this turn, each to the first in its line; then serves the requests held back for
    /// that.
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

    /// Grants what a refused commit left free, once the store may be tried again, before any later request.
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
        // A grant may end a tenure whose time was over.
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
                // This waiter cannot have the lease at all, but the next one may.
                guard let (_, session) = waiting.leave(id), let session = sessions[session] else { continue }
                endWait(of: session, error, restsOnCommit: true)
            }
        }
    }

    /// Whether a waiter has left its line, according to its socket: the loop may not have seen it yet.
    private func hasLeft(_ id: WaiterID, _ name: LeaseName) -> Bool {
        guard let session = waiting.session(of: id).flatMap({ sessions[$0] }) else { return false }
        switch session.closedSides {
        case .none:
            return false
        case .writing:
            waiting.leave(id)
            endWait(of: session, Self.closedWait(for: name))
        case .both:
            // Nobody is there to be told; what came after the wait is dropped with the connection.
            waiting.leave(id)
            session.wait = nil
            if !isStopping { holdings.close(session.id) }
        }
        return true
    }

    /// The turn's grants are durable: their waiters leave the lines and get their tokens.
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

    /// The turn's grants were refused: all waiters stay in line.
    ///
    /// Their leases are free, though no tenure's end will tell.
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
