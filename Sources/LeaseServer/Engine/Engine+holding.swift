import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// Bound and tied tenures: what becomes of a tenure when its connection is gone.
///
/// A bound tenure's connection is an ordinary one. A tie serves nothing else: it is neither read nor written after its
/// `OK`, and ends when the last process that holds the other end is gone, which the kernel reports by EPOLLHUP. Its
/// client shuts down the writing side; that does not end it (epoll_ctl(2)).
extension Engine {
    func renew(_ command: RenewCommand, for session: Session, now: Moment) {
        // Keeping the attachment is of no use once the connection is gone.
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

    /// Makes the connection a tie; input after the command is dropped.
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
        // A success is answered once the tie is committed and stored.
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

    /// Records the attachments that the commit has made durable.
    func settleAttachments() {
        for change in attachments.take() {
            let (name, attachment, session) = (change.name, change.attachment, change.session)
            // It may have ended within the turn, or been attached elsewhere.
            let tenure = backend.tenure(of: name)
            guard let tenure, tenure.attachment == attachment, attachment != .nothing else {
                if tenure == nil || tenure?.attachment == .nothing {
                    retire(holdings.detach(name))
                    holdings.forgetLoss(of: name)
                }
                if attachment == .tied {
                    // It was a tie for a moment.
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

    /// Answers a tie once it is stored where it survives a restart of the daemon.
    private func keep(_ session: Session, fence: Token) {
        guard let tieStore else {
            session.reply { $0.writeOK(to: &$1) }
            return enterTurn(session)
        }
        guard let descriptor = session.duplicateDescriptor() else {
            // The tie continues, but a restart of the daemon loses it: its tenure then ends by time.
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

    /// The tie is stored: answers it, and ends it if its end came meanwhile.
    private func answerTie(_ session: Session) {
        let ends = session.tie == .storing(endsThen: true)
        session.tie = .tied
        session.reply { $0.writeOK(to: &$1) }
        if isStopping || ends {
            session.isEnding = true
        }
        joinTurn(session)
    }

    func tiedLeases() -> [Token: LeaseName] {
        backend.tiedLeases
    }

    /// Adopts a tie that outlived the last daemon.
    ///
    /// - Parameter name: The lease that was tied to it when the store was opened, if any.
    /// - Returns: `nil` if it belongs to no tenure in force; the caller closes it.
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

    /// Forgets a tie that came back but is of no use any more; a tenure that relied on it is lost.
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

    /// The turn was refused: connections that were to become ties stay ordinary ones.
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

    /// Detaches ended tenures from their connections.
    func releaseHoldings(of freed: [LeaseName]) {
        guard holdings.count > 0 else { return }
        for name in freed {
            guard let holding = holdings[name] else { continue }
            // An import may have brought the same fence back, attached to nothing.
            guard let tenure = backend.tenure(of: name), tenure.fence == holding.fence, tenure.attachment != .nothing
            else {
                retire(holdings.detach(name))
                continue
            }
        }
    }

    /// Closes a connection whose tenure is no longer tied to it.
    ///
    /// If a tenure was bound to it before it became a tie, it stays open until that has ended, too, or its client
    /// closes it.
    private func retire(_ holding: Holdings.Holding?) {
        guard let holding, let session = sessions[holding.session], session.isTie else { return }
        endIfMeaningless(session)
    }

    private func endIfMeaningless(_ tie: Session) {
        guard isStopping || holdings.hasNothing(on: tie.id) else { return joinTurn(tie) }
        end(tie)
    }

    /// Closes the connection; a tie that is still being stored is closed once it is answered.
    private func end(_ session: Session) {
        if case .storing = session.tie { return session.tie = .storing(endsThen: true) }
        session.isEnding = true
        joinTurn(session)
    }

    // MARK: - The end of a connection

    /// Makes the tenures of a closed connection end in the next turn, unless the daemon is stopping.
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

    /// Ends lost tenures, up to a slice; returns all that this turn has ended as lost, with their fences.
    ///
    /// A tenure rebound, retied or unbound in this turn is not lost with its old connection. It stays in `lost` until
    /// the commit: if the turn is refused, it is lost after all.
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

    /// Ends a lease's tenure if it is lost, before a request about the lease is served: its holder is gone, and a
    /// client that saw it go may not find the lease held.
    ///
    /// A tenure bound to the asking connection stays until that connection's input is answered. In the turn of the
    /// loss, the holder of the newest token can still bind or tie it elsewhere, or unbind it.
    func endIfLost(_ name: LeaseName, now: Moment) {
        noteHangUp(of: name)
        guard let fence = lostTenure(of: name), schedule.maySweep(now: now.boot), endedAsLost[name] != fence else {
            return
        }
        _ = backend.perform(.lose(fence: fence), on: name, by: .daemon, now: now)
        endedAsLost[name] = fence
    }

    /// The fence of a lease's tenure if its connection is gone, by what was decided so far.
    private func lostTenure(of name: LeaseName) -> Token? {
        guard let change = attachments.isEmpty ? nil : attachments[name] else {
            return holdings.lost.isEmpty ? nil : holdings.lost[name]
        }
        // In this turn it was attached to another connection, or detached.
        guard change.attachment != .nothing, !isThere(change.session), let tenure = backend.tenure(of: name),
            tenure.attachment == change.attachment
        else { return nil }
        return tenure.fence
    }

    /// Whether a connection keeps its tenures: the client is there, or its commands are being processed.
    private func isThere(_ session: Session) -> Bool {
        session.isProcessing || sessions[session.id] != nil && !session.hasHungUp
    }

    /// Ends those of these leases' tenures that are lost.
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

    /// Asks the socket whether a tenure's connection has ended: the loop may have read the asking client first.
    private func noteHangUp(of name: LeaseName) {
        guard let holding = holdings[name], !isStopping, let holder = sessions[holding.session], !holder.isProcessing,
            holder.closedSides != .none
        else { return }
        // Process what the holder sent before it hung up: it may be a release, and it precedes the command being
        // served. Do not recurse: if those commands concern another dead holder, that one is not read ahead. Their time
        // is now, since they arrived after the command being served was read.
        while !isReadingBehind, holder.isReading, !holder.isTie, holder.read(into: &readBuffer) {
            isReadingBehind = true
            received(readBuffer, from: holder)
            isReadingBehind = false
        }
        if holder.hasHungUp {
            holdings.close(holder.id)
        }
    }

    /// Waited grants' replies could not be written: nobody knows of these tenures, and they end at once.
    func lose(_ undelivered: [(name: LeaseName, fence: Token)]) {
        guard !undelivered.isEmpty else { return }
        for (name, fence) in undelivered {
            holdings.lose(name, fence: fence)
        }
        scheduleTurn()
    }

    /// Waited grants' replies were written, or failed: then the grants end, unless somebody knows of them.
    func written(_ grants: [(name: LeaseName, fence: Token)], _ result: Result<Void, any Error>) {
        switch result {
        case .success: unheardGrants.written(grants)
        case .failure: lose(unheardGrants.failed(grants))
        }
    }

    /// A connection answered to its end closes: its bound tenures end now, even if the client does not read the
    /// answers.
    func endBinding(of session: Session) {
        guard !isStopping, !session.isTie, !holdings.hasNothing(on: session.id) else { return }
        holdings.close(session.id)
        hasMoreWork = true
    }
}

extension Caller {
    /// The daemon itself, which ends tenures whose connections are gone.
    static let daemon = Caller(uid: 0, gid: 0, pid: 0, isAdministrator: true)
}
