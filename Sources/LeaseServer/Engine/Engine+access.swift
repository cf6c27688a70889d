import LeaseCore
import LeaseWire

/// The access rules where the engine has to ask: who may watch, and what becomes of connected clients after a change.
extension Engine {
    /// Refuses a subscription to a lease that the caller may not see.
    func permitWatching(_ name: LeaseName, by caller: Caller) throws(LeaseError) {
        try caller.permit(.read, or: .acquire, on: name)
    }

    /// Refuses a subscription to a pattern that may match leases which the caller may not see.
    func permitWatching(_ glob: Glob, by caller: Caller) throws(LeaseError) {
        try caller.permit(.read, or: .acquire, onAllUnder: glob.literalPrefix)
    }

    /// Applies the administrators and the rules of a new configuration to connected clients.
    ///
    /// Connections and tenures stay, unless a client would not be let in any more because its groups are unknown. A
    /// client that waits for a lease that it may no longer acquire, or watches what it may no longer see, is told that
    /// this is over.
    func applyAccess() {
        for session in sessions.values {
            session.caller = session.peer.caller(by: configuration)
            if !session.peer.areGroupsKnown, configuration.asksForGroups, !session.caller.isAdministrator,
                !session.isTie
            {
                // It would not be let in any more.
                session.isEnding = true
                joinTurn(session)
            }
            endDeniedWait(of: session)
            endDeniedSubscriptions(of: session)
        }
        backend.isWatched = !subscriptions.isEmpty
    }

    private func endDeniedWait(of session: Session) {
        guard let id = session.wait, let waiter = waiting.lines[id] else { return }
        do throws(LeaseError) {
            try session.caller.permit(.acquire, on: waiter.name)
        } catch {
            waiting.leave(id)
            endWait(of: session, error)
            scheduleTurn()
        }
    }

    private func endDeniedSubscriptions(of session: Session) {
        let count = subscriptions.count(of: session.id)
        for name in subscriptions.channels(of: session.id) {
            do throws(LeaseError) {
                try permitWatching(name, by: session.caller)
            } catch {
                unsubscribe(session, from: name)
            }
        }
        for glob in subscriptions.patterns(of: session.id) {
            do throws(LeaseError) {
                try permitWatching(glob, by: session.caller)
            } catch {
                unsubscribe(session, from: glob)
            }
        }
        if subscriptions.count(of: session.id) < count {
            joinTurn(session)
        }
    }
}
