import Glibc
import LeaseCore
import LeaseStore
import Logging
import NIOCore

/// Connections as they come and go, and what arrives on them.
extension Engine {
    /// What happens to a new connection.
    enum Admission {
        case admitted(SessionID)
        /// Over a limit, not allowed, or too late: the error is its only reply.
        case refused(LeaseError)
        /// A sync has failed: it is closed without a reply.
        case unanswered
    }

    /// Takes in a connection, if its limits allow.
    func connected(_ channel: any Channel, peer: PeerCredentials) -> Admission {
        let caller = peer.caller(by: configuration)
        if state == .failed {
            counters.refusedConnections += 1
            return .unanswered
        }
        if let refusal = refusal(of: caller, peer) {
            counters.refusedConnections += 1
            return .refused(refusal)
        }
        let session = admit(channel, peer: peer, as: caller)
        scheduleTurn()
        return .admitted(session.id)
    }

    /// Why a connection is refused, or `nil` if it is not.
    private func refusal(of caller: Caller, _ peer: PeerCredentials) -> LeaseError? {
        guard state == .running else { return LeaseError(.busy, "the daemon is stopping; try again later") }
        guard caller.isAdministrator || peer.areGroupsKnown || !configuration.asksForGroups else {
            return LeaseError(
                .denied,
                "the kernel does not tell the groups of uid \(caller.uid), and the configuration asks for them"
            )
        }
        let counts = connectionCounts
        switch configuration.limits.connectionQuota.overrun(of: caller, counts) {
        case .total:
            return LeaseError(.busy, "\(counts.total) connections are open, the most there may be; try again later")
        case .user:
            let own = counts[caller.uid]
            return LeaseError(.busy, "uid \(caller.uid) has \(own) connections, the most for one user; close some")
        case nil:
            return nil
        }
    }

    /// A connection could not be accepted: it waits in the socket's queue, and its client with it.
    func acceptFailed(_ error: IOError) {
        if let times = acceptFault.happened(at: clock.now().boot) {
            logger.warning(
                "connections cannot be accepted and wait",
                metadata: ["error": "\(String(cString: strerror(error.errnoCode)))", "times": "\(times)"]
            )
        }
    }

    /// Takes in a connection, whatever the limits say.
    func admit(_ channel: any Channel, peer: PeerCredentials, as caller: Caller) -> Session {
        lastSessionID += 1
        let session = Session(
            id: SessionID(rawValue: lastSessionID),
            channel: channel,
            peer: peer,
            caller: caller,
            limits: configuration.limits.frames,
            connectedAt: clock.now()
        )
        sessions[session.id] = session
        connectionCounts.add(peer.uid)
        counters.connections += 1
        logger.debug("connected", metadata: ["session": "\(session.id)", "uid": "\(peer.uid)", "pid": "\(peer.pid)"])
        return session
    }

    func disconnected(_ id: SessionID) {
        guard let session = sessions.removeValue(forKey: id) else { return }
        connectionCounts.remove(session.peer.uid)
        endSubscriptions(of: id)
        backlog.forget(id)
        if let id = session.wait {
            session.wait = nil
            waiting.leave(id)
        }
        endHoldings(of: session)
        // Commands that came with the end are still executed, in the next turn; those that were cut are not.
        session.isEnding = session.isEnding || !session.isDeferred || session.isCut
        logger.debug("disconnected", metadata: ["session": "\(id)"])
        scheduleTurn()
    }

    func received(_ bytes: ByteBuffer, from id: SessionID) {
        guard let session = sessions[id] else { return }
        received(bytes, from: session)
    }

    func received(_ bytes: ByteBuffer, from session: Session) {
        switch state {
        case .running, .lastLook: hasRead = true
        case .draining, .failed, .closed: return
        }
        // Nothing that arrives on a tie means anything.
        guard !session.isTie else { return }
        gathering.join(&session.lastTurn)
        var bytes = bytes
        if session.input.readableBytes == 0 {
            session.input = bytes
        } else {
            // Discard what is parsed: if frames never end where a read ends, all of it would be kept.
            session.input.discardReadBytes()
            session.input.writeBuffer(&bytes)
        }
        process(session)
    }

    /// The client has closed its writing side: what was received is answered, then the connection ends.
    func inputClosed(by id: SessionID) {
        guard let session = sessions[id] else { return }
        session.isInputClosed = true
        if session.wait != nil {
            closedWaits.append(session)
        }
        joinTurn(session)
    }

    /// The socket takes bytes again, or takes no more for now.
    func writabilityChanged(of id: SessionID) {
        guard let session = sessions[id] else { return }
        if session.hasMore {
            process(session)
        }
        updateReading(of: session)
    }
}
