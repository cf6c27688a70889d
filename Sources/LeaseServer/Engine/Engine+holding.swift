import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// Bound and tied tenures: what becomes of a tenure when the connection that it hangs on is gone.
///
/// A bound tenure's connection is one like any other. A tie is a connection that means nothing but itself: it is
/// neither read nor written after its `OK`, and ends when the last process that holds the other end is gone. The kernel
/// says so by EPOLLHUP; that the client has shut down its writing side, which a tie's client does, is not the end
/// (epoll_ctl(2)).
extension Engine {
    /// A change of what a tenure hangs on, to be entered when the turn is durable.
    typealias AttachmentChange = (name: LeaseName, attachment: Attachment, session: Session)

    func renew(_ command: RenewCommand, for session: Session, now: Moment) {
        // One that leaves the tenure where it hangs is of no use once that is gone.
        if command.binding == .keep { endIfLost(command.name, now: now) }
        let request = LeaseRequest.renew(
            token: command.token,
            ttl: command.ttl,
            request: command.request,
            binding: command.binding
        )
        let result = backend.perform(request, on: command.name, by: session.caller, now: now)
        if case .success = result {
            switch command.binding {
            case .keep: break
            case .bind: attachments.append((command.name, .bound, session))
            case .unbind: attachments.append((command.name, .nothing, session))
            }
        }
        reply(result, on: command.name, session, now)
    }

    /// Makes the connection a tie; what comes behind the command is dropped.
    func tie(_ name: LeaseName, token: Token, for session: Session, now: Moment) throws(LeaseError) {
        // The token's error comes before the limit's.
        if let tenure = backend.tenure(of: name), tenure.token == token, tenure.ending(at: now.boot) == nil {
            try requireRoomForTie(of: session)
        }
        let result = backend.perform(.tie(token: token), on: name, by: session.caller, now: now)
        if case .success = result {
            attachments.append((name, .tied, session))
            session.isWaiting = true
            session.isTying = true
            if sessions[session.id] != nil {
                tieCounts.add(session.peer.uid)
            }
            return scheduleTurn()
        }
        // A success is answered when the tie is kept.
        reply(result, on: name, session, now)
    }

    private func requireRoomForTie(of session: Session) throws(LeaseError) {
        let limits = configuration.limits
        let isAdministrator = session.caller.isAdministrator
        guard tieCounts.total < limits.ties - (isAdministrator ? 0 : limits.reservedForAdministrators) else {
            throw LeaseError(.busy, "\(tieCounts.total) ties are open, the most there may be; try again later")
        }
        guard tiesBeingKept < limits.ties else {
            throw LeaseError(
                .busy,
                "\(tiesBeingKept) ties are still being stored, the most there may be; try again later"
            )
        }
        let uid = session.peer.uid
        guard isAdministrator || tieCounts[uid] < limits.tiesPerUser else {
            throw LeaseError(.busy, "uid \(uid) has \(tieCounts[uid]) ties, the most for one user; end some jobs first")
        }
    }

    // MARK: - After the commit

    /// Enters what tenures hang on from now on.
    func settleAttachments() {
        let changes = attachments
        attachments = []
        for (name, attachment, session) in changes {
            // Within the turn the tenure may have ended, or been attached anew.
            let tenure = backend.tenure(of: name)
            guard let tenure, tenure.attachment == attachment, attachment != .nothing else {
                if tenure == nil || tenure?.attachment == .nothing {
                    retire(holdings.detach(name))
                    holdings.haveEnded([name])
                }
                if attachment == .tied {
                    // It was one for a moment.
                    becomeTie(session)
                    session.reply { $0.writeOK(to: &$1) }
                    close(session)
                }
                continue
            }
            let holding = Holdings.Holding(fence: tenure.fence, session: session.id, isTie: attachment == .tied)
            let previous = holdings.attach(name, holding)
            if previous != nil {
                retire(previous)
            }
            if sessions[session.id] == nil {
                holdings.close(session.id)
                hasMoreWork = true
            } else if holding.isTie {
                becomeTie(session)
                keep(session, fence: tenure.fence)
                if isStopping {
                    close(session)
                }
            }
        }
    }

    private func becomeTie(_ session: Session) {
        // Nothing more is written to a tie, neither replies nor messages.
        endSubscriptions(of: session.id)
        session.isTying = false
        session.isTie = true
        session.input = ByteBuffer()
        session.isCut = false
    }

    /// Answers a tie, once it is where a restart of the daemon does not lose it.
    private func keep(_ session: Session, fence: Token) {
        guard let tieStore else {
            session.reply { $0.writeOK(to: &$1) }
            return enterTurn(session)
        }
        guard let descriptor = session.duplicateDescriptor() else {
            // The tie goes on; a restart of the daemon would lose it, and its tenure would then end by time.
            logger.warning(
                "a tie cannot be handed to the descriptor store: no descriptor is left",
                metadata: ["session": "\(session.id)", "fence": "\(fence)"]
            )
            session.reply { $0.writeOK(to: &$1) }
            return enterTurn(session)
        }
        tiesBeingKept += 1
        let name = TieName(fence: fence, madeAt: clock.now().boot)
        session.storedTie = name.text
        tieStore.keep(name, descriptor: descriptor) { [id = session.id] in
            self.onLoop { engine in
                engine.tiesBeingKept -= 1
                guard let session = engine.sessions[id], !session.isEnding else { return }
                session.reply { $0.writeOK(to: &$1) }
                engine.joinTurn(session)
            }
        }
    }

    /// The leases whose tenures are tied, by their fences, as they are once the store is opened.
    func tiedLeases() -> [Token: LeaseName] {
        backend.tiedLeases
    }

    /// Takes in a tie that outlived the last daemon; one that is none of a tenure in force is closed.
    ///
    /// - Parameter name: The lease that was tied to it when the store was opened, if there was one.
    func adopt(_ tie: KeptTies.Tie, of name: LeaseName?, _ channel: any Channel, peer: PeerCredentials) -> SessionID? {
        guard let name, isTied(name, fence: tie.name.fence) else { return nil }
        let session = admit(channel, peer: peer)
        session.isTie = true
        session.isWaiting = true
        session.storedTie = tie.name.text
        tieCounts.add(peer.uid)
        holdings.attach(name, Holdings.Holding(fence: tie.name.fence, session: session.id, isTie: true))
        joinTurn(session)
        return session.id
    }

    /// A tie that came back and is of no use any more is forgotten; a tenure that relied on it is lost.
    func discard(_ tie: KeptTies.Tie, of name: LeaseName?) {
        tieStore?.remove(tie.name.text)
        if let name, isTied(name, fence: tie.name.fence), holdings[name] == nil {
            lose([(name, tie.name.fence)])
        }
    }

    private func isTied(_ name: LeaseName, fence: Token) -> Bool {
        guard let tenure = backend.tenure(of: name) else { return false }
        return tenure.fence == fence && tenure.attachment == .tied
    }

    /// The turn was refused: whoever wanted to be a tie goes on as it was.
    func dropAttachments(_ refusal: LeaseError) {
        let changes = attachments
        attachments = []
        for (_, attachment, session) in changes where attachment == .tied && sessions[session.id] != nil {
            session.isTying = false
            session.isWaiting = false
            tieCounts.remove(session.peer.uid)
            session.reply(refusal)
            hold(session)
            hasMoreWork = true
        }
    }

    /// Tenures have ended: what they hung on means nothing any more.
    func releaseHoldings(of freed: [LeaseName]) {
        guard holdings.count > 0 else { return }
        for name in freed {
            guard let holding = holdings[name], backend.tenure(of: name)?.fence != holding.fence else { continue }
            retire(holdings.detach(name))
        }
    }

    /// A connection that was a tie is closed: nobody reads it, and its tenure hangs on it no more.
    private func retire(_ holding: Holdings.Holding?) {
        guard let holding, holding.isTie, let session = sessions[holding.session] else { return }
        close(session)
    }

    private func close(_ session: Session) {
        session.isEnding = true
        joinTurn(session)
    }

    // MARK: - The end of a connection

    /// What hung on a connection that is gone is to end in the next turn, unless it is the daemon that stops.
    func endHoldings(of session: Session) {
        if session.isTie || session.isTying {
            tieCounts.remove(session.peer.uid)
        }
        guard !isStopping else { return holdings.forget(session.id) }
        if let tie = session.storedTie {
            tieStore?.remove(tie)
        }
        holdings.close(session.id)
    }

    /// Ends, in this turn, tenures that have lost what they hung on, up to a slice; returns which.
    ///
    /// One that was bound or tied anew in this turn, or unbound, is not lost with the connection that it hung on
    /// before, unless the turn is refused: it stays until that is known.
    func endLost(now: Moment) -> [LeaseName] {
        guard !holdings.lost.isEmpty, schedule.maySweep(now: now.boot) else { return [] }
        let moved = Set(attachments.map(\.name))
        let slice = Array(holdings.lost.lazy.filter { !moved.contains($0.key) }.prefix(Schedule.sweepSlice))
        for (name, fence) in slice {
            _ = backend.perform(.lose(fence: fence), on: name, by: .daemon, now: now)
        }
        if slice.count < holdings.lost.count {
            hasMoreWork = true
        }
        return slice.map(\.key)
    }

    /// Ends a tenure that has lost what it hung on, for whoever asks about the lease: its holder is gone, and whoever
    /// saw that go may not find it held.
    ///
    /// What hangs on the connection that asks lasts until what was received from it is answered. With the tenure's
    /// newest token its holder can still bind or tie it, in the turn of the loss, to another connection, or unbind it.
    func endIfLost(_ name: LeaseName, now: Moment) {
        noteHangUp(of: name, now: now)
        guard !holdings.lost.isEmpty, let fence = holdings.lost[name], schedule.maySweep(now: now.boot),
            !isMoved(name)
        else { return }
        _ = backend.perform(.lose(fence: fence), on: name, by: .daemon, now: now)
    }

    /// Whether this turn has a tenure hang on a connection that is there, or go by time alone.
    private func isMoved(_ name: LeaseName) -> Bool {
        guard let (_, attachment, session) = attachments.last(where: { $0.name == name }) else { return false }
        return attachment == .nothing || session.isProcessing || !session.hasHungUp
    }

    /// Ends those of these tenures that have lost what they hung on.
    func endIfLost(among names: some Sequence<LeaseName>, now: Moment) {
        guard holdings.count > 0 || !holdings.lost.isEmpty else { return }
        // A command may name the same lease thousands of times.
        for name in Set(names.lazy.filter { self.holdings[$0] != nil || self.holdings.lost[$0] != nil }) {
            endIfLost(name, now: now)
        }
    }

    /// Asks the connection that a tenure hangs on whether it has ended: the loop may have read whoever asks before it sees
    /// that itself.
    private func noteHangUp(of name: LeaseName, now: Moment) {
        guard let holding = holdings[name], !isStopping, let holder = sessions[holding.session], !holder.isProcessing,
            holder.closedSides != .none
        else { return }
        // What it sent before it went comes before whoever saw it go, and may be a release. If that is about the lease of
        // another one that is gone, it does not go on to read that one.
        while !isReadingBehind, holder.isReading, !holder.isTie, holder.read(into: &readBuffer) {
            isReadingBehind = true
            received(readBuffer, from: holder, now: now)
            isReadingBehind = false
        }
        if holder.hasHungUp {
            holdings.close(holder.id)
        }
    }

    /// A waited grant's reply could not be written: nobody knows of the tenure, and it ends at once.
    func lose(_ undelivered: [(name: LeaseName, fence: Token)]) {
        guard !undelivered.isEmpty else { return }
        for (name, fence) in undelivered {
            holdings.lose(name, fence: fence)
        }
        scheduleTurn()
    }
}

extension Caller {
    /// The daemon itself, which ends tenures by what it sees.
    static let daemon = Caller(uid: 0, gid: 0, pid: 0, isAdministrator: true)
}
