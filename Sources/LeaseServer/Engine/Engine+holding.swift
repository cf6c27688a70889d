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
            unheardGrants.hear(of: command.name)
            switch command.binding {
            case .keep: break
            case .bind: attachments.add(.bound, of: command.name, on: session)
            case .unbind: attachments.add(.nothing, of: command.name, on: session)
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
            unheardGrants.hear(of: name)
            attachments.add(.tied, of: name, on: session)
            session.isWaiting = true
            session.tie = .asked
            if sessions[session.id] != nil {
                tieCounts.add(session.peer.uid)
            }
            return scheduleTurn()
        }
        // A success is answered when the tie is kept.
        reply(result, on: name, session, now)
    }

    private func requireRoomForTie(of session: Session) throws(LeaseError) {
        let quota = configuration.limits.tieQuota
        let uid = session.peer.uid
        switch quota.overrun(of: session.caller, tieCounts) {
        case .total:
            throw LeaseError(.busy, "\(tieCounts.total) ties are open, the most there may be; try again later")
        case .user:
            throw LeaseError(.busy, "uid \(uid) has \(tieCounts[uid]) ties, the most for one user; end some jobs first")
        case nil:
            break
        }
        guard tiesBeingKept < quota.total else {
            throw LeaseError(
                .busy,
                "\(tiesBeingKept) ties are still being stored, the most there may be; try again later"
            )
        }
    }

    // MARK: - After the commit

    /// Enters what tenures hang on from now on.
    func settleAttachments() {
        for change in attachments.take() {
            let (name, attachment, session) = (change.name, change.attachment, change.session)
            // Within the turn the tenure may have ended, or been attached anew.
            let tenure = backend.tenure(of: name)
            guard let tenure, tenure.attachment == attachment, attachment != .nothing else {
                if tenure == nil || tenure?.attachment == .nothing {
                    retire(holdings.detach(name))
                    holdings.forgetLoss(of: name)
                }
                if attachment == .tied {
                    // It was one for a moment.
                    becomeTie(session)
                    session.reply { $0.writeOK(to: &$1) }
                    endIfMeaningless(session)
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
                    end(session)
                }
            }
        }
    }

    private func becomeTie(_ session: Session) {
        // Nothing more is written to a tie, neither replies nor messages.
        endSubscriptions(of: session.id)
        session.tie = .tied
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
        session.tie = .storing(endsThen: false)
        tieStore.keep(name, descriptor: descriptor) { [id = session.id] in
            self.onLoop { engine in
                engine.tiesBeingKept -= 1
                guard let session = engine.sessions[id] else { return }
                engine.answerTie(session)
            }
        }
    }

    /// The tie is stored: it is answered, and ends if it was to end meanwhile.
    private func answerTie(_ session: Session) {
        let ends = session.tie == .storing(endsThen: true)
        session.tie = .tied
        session.reply { $0.writeOK(to: &$1) }
        if isStopping || ends {
            session.isEnding = true
        }
        joinTurn(session)
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
        let session = admit(channel, peer: peer, as: peer.caller(by: configuration))
        session.tie = .tied
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
        for change in attachments.take() where change.attachment == .tied && sessions[change.session.id] != nil {
            let session = change.session
            session.tie = .none
            session.isWaiting = false
            tieCounts.remove(session.peer.uid)
            counters.refused(refusal.code)
            session.reply(refusal)
            deferCommands(of: session)
            hasMoreWork = true
        }
    }

    /// Tenures have ended: what they hung on means nothing any more.
    func releaseHoldings(of freed: [LeaseName]) {
        guard holdings.count > 0 else { return }
        for name in freed {
            guard let holding = holdings[name] else { continue }
            // An import may have brought the same fence back, which hangs on nothing then.
            guard let tenure = backend.tenure(of: name), tenure.fence == holding.fence, tenure.attachment != .nothing
            else {
                retire(holdings.detach(name))
                continue
            }
        }
    }

    /// A connection that was a tie is closed: nobody reads it, and its tenure hangs on it no more.
    ///
    /// One that was bound to before it became a tie is closed by its client alone, or when the bound tenure has ended,
    /// too.
    private func retire(_ holding: Holdings.Holding?) {
        guard let holding, let session = sessions[holding.session], session.isTie else { return }
        endIfMeaningless(session)
    }

    private func endIfMeaningless(_ tie: Session) {
        guard isStopping || holdings.hasNothing(on: tie.id) else { return joinTurn(tie) }
        end(tie)
    }

    /// Closes the connection; a tie that is still being stored, once it is answered.
    private func end(_ session: Session) {
        if case .storing = session.tie { return session.tie = .storing(endsThen: true) }
        session.isEnding = true
        joinTurn(session)
    }

    // MARK: - The end of a connection

    /// What hung on a connection that is gone is to end in the next turn, unless it is the daemon that stops.
    func endHoldings(of session: Session) {
        if session.tie != .none {
            tieCounts.remove(session.peer.uid)
        }
        guard !isStopping else { return holdings.forget(session.id) }
        if let tie = session.storedTie {
            tieStore?.remove(tie)
        }
        holdings.close(session.id)
    }

    /// Ends, in this turn, tenures that have lost what they hung on, up to a slice; returns which, by their fences.
    ///
    /// One that was bound or tied anew in this turn, or unbound, is not lost with the connection that it hung on
    /// before, unless the turn is refused: it stays until that is known.
    func endLost(now: Moment) -> [LeaseName: Token] {
        guard !holdings.lost.isEmpty, schedule.maySweep(now: now.boot) else { return [:] }
        let ended = endedAsLost
        let slice = Array(
            holdings.lost.lazy.filter { ended[$0.key] != $0.value && self.attachments[$0.key] == nil }
                .prefix(Schedule.sweepSlice)
        )
        for (name, fence) in slice {
            _ = backend.perform(.lose(fence: fence), on: name, by: .daemon, now: now)
        }
        if slice.count + ended.count(where: { holdings.lost[$0.key] == $0.value }) < holdings.lost.count {
            hasMoreWork = true
        }
        return ended.merging(slice) { $1 }
    }

    /// Ends a tenure that has lost what it hung on, for whoever asks about the lease: its holder is gone, and whoever
    /// saw that go may not find it held.
    ///
    /// What hangs on the connection that asks lasts until what was received from it is answered. With the tenure's
    /// newest token its holder can still bind or tie it, in the turn of the loss, to another connection, or unbind it.
    func endIfLost(_ name: LeaseName, now: Moment) {
        noteHangUp(of: name)
        guard let fence = lostTenure(of: name), schedule.maySweep(now: now.boot), endedAsLost[name] != fence else {
            return
        }
        _ = backend.perform(.lose(fence: fence), on: name, by: .daemon, now: now)
        endedAsLost[name] = fence
    }

    /// The fence of a lease's tenure if what it hangs on, by what was decided so far, is gone.
    private func lostTenure(of name: LeaseName) -> Token? {
        guard let change = attachments.isEmpty ? nil : attachments[name] else {
            return holdings.lost.isEmpty ? nil : holdings.lost[name]
        }
        // The turn has it hang on another connection, or go by time alone.
        guard change.attachment != .nothing, !isThere(change.session), let tenure = backend.tenure(of: name),
            tenure.attachment == change.attachment
        else { return nil }
        return tenure.fence
    }

    /// Whether what hangs on a connection is not lost: the client is there, or its commands are being done.
    private func isThere(_ session: Session) -> Bool {
        session.isProcessing || sessions[session.id] != nil && !session.hasHungUp
    }

    /// Ends those of these tenures that have lost what they hung on.
    func endIfLost(among names: some Sequence<LeaseName>, now: Moment) {
        guard holdings.count > 0 || !holdings.lost.isEmpty || !attachments.isEmpty else { return }
        // A command may name the same lease thousands of times.
        let hanging = names.lazy.filter {
            self.holdings[$0] != nil || self.holdings.lost[$0] != nil || self.attachments[$0] != nil
        }
        for name in Set(hanging) {
            endIfLost(name, now: now)
        }
    }

    /// Asks the connection that a tenure hangs on whether it has ended: the loop may have read whoever asks before it sees
    /// that itself.
    private func noteHangUp(of name: LeaseName) {
        guard let holding = holdings[name], !isStopping, let holder = sessions[holding.session], !holder.isProcessing,
            holder.closedSides != .none
        else { return }
        // What it sent before it went comes before whoever saw it go, and may be a release. If that is about the lease of
        // another one that is gone, it does not go on to read that one. It was sent after whoever asks was read, so
        // that its time is counted from now.
        while !isReadingBehind, holder.isReading, !holder.isTie, holder.read(into: &readBuffer) {
            isReadingBehind = true
            received(readBuffer, from: holder)
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

    /// The writing of waited grants' replies has ended; those that it failed for end, unless somebody knows of them.
    func written(_ grants: [(name: LeaseName, fence: Token)], _ result: Result<Void, any Error>) {
        switch result {
        case .success: unheardGrants.written(grants)
        case .failure: lose(unheardGrants.failed(grants))
        }
    }

    /// A connection that has been answered to its end closes: a tenure that is bound to it ends now, also if the client
    /// does not read what it was answered.
    func endBinding(of session: Session) {
        guard !isStopping, !session.isTie, !holdings.hasNothing(on: session.id) else { return }
        holdings.close(session.id)
        hasMoreWork = true
    }
}

extension Caller {
    /// The daemon itself, which ends tenures by what it sees.
    static let daemon = Caller(uid: 0, gid: 0, pid: 0, isAdministrator: true)
}
