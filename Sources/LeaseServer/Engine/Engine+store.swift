import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// The commands on values, prefixes and keys.
///
/// Writes, and reads of a single thing, are decided in the turn and rest on its commit. Lists are read off the event
/// loop.
extension Engine {
    /// - Throws: the refusal to reply, if the session may not see the list that it asks for.
    func store(_ command: StoreCommand, for session: Session, now: Moment) throws(LeaseError) {
        switch command {
        case .put(let key, let value, let guarded):
            perform(.put(key, Array(value.readableBytesView)), if: guarded, session, now)
        case .get(let key):
            perform(.get(key), session, now)
        case .delete(let key, let guarded):
            perform(.delete(key), if: guarded, session, now)
        case .prefixAppend(let key, let child, let guarded):
            perform(.append(key, child: child), if: guarded, session, now)
        case .prefixContains(let key, let child):
            perform(.contains(key, child: child), session, now)
        case .prefixRemove(let key, let child, let guarded):
            perform(.removeChild(key, child: child), if: guarded, session, now)
        case .keysRemove(let keys):
            let names = keys.lazy.map { LeaseName($0) }
            endIfLost(among: names, now: now)
            guard !putOffUntilCommit(.store(command), on: names, session, now: now) else { return }
            perform(.removeKeys(keys), session, now)
        case .importEntries(let entries):
            importEntries(entries, for: session, now: now)
        case .prefixList(let query):
            try session.caller.permit(.read, on: query.key)
            list(.children(of: query.key, after: query.after, count: query.count ?? .max), for: session, now: now)
        case .keysList(let query):
            try session.caller.permit(.read, onAllUnder: query.prefix)
            list(.keys(prefix: query.prefix, after: query.after, count: query.count ?? .max), for: session, now: now)
        case .keysRange(let query):
            // A key's hash says nothing about how the key begins.
            try session.caller.permit(.read, onAllUnder: [])
            list(
                .range(low: query.low, high: query.high, after: query.after, count: query.count ?? .max),
                for: session,
                now: now
            )
        case .keysTracker(let key):
            try session.caller.permit(.read, on: key)
            list(.tracker(key), for: session, now: now)
        case .export(let keys):
            for key in keys {
                try session.caller.permit(.read, on: key)
            }
            list(.export(keys, at: now), for: session, now: now)
        }
    }

    /// Imports entries.
    func bringIn(_ entries: [StoreEntry], for session: Session, now: Moment) {
        let lastToken = backend.lastToken
        guard perform(.importEntries(entries), session, now), let token = backend.lastToken else { return }
        let lead = now.wall.duration(to: WallInstant(microseconds: token.rawValue))
        guard token != lastToken, lead > .zero else { return }
        notes.warning(
            "an imported token is ahead of the wall clock",
            metadata: [
                "token": "\(token)", "lead_ms": "\(lead.wholeMilliseconds)", "uid": "\(session.peer.uid)",
                "pid": "\(session.peer.pid)",
            ]
        )
    }

    /// Decides a request; the reply rests on the turn's commit.
    ///
    /// Returns `false` if it was refused.
    @discardableResult
    private func perform(
        _ request: StoreRequest,
        if guarded: LeaseGuard? = nil,
        _ session: Session,
        _ now: Moment
    ) -> Bool {
        if let guarded { endIfLost(guarded.lease, now: now) }
        switch backend.perform(request, if: guarded, by: session.caller, now: now) {
        case .success(let answer):
            if case .removed(_, let children) = answer {
                session.turnCommands += children / TurnLoad.argumentsOfACommand
            }
            session.replyOnCommit { encoder, buffer in
                switch answer {
                case .done: encoder.writeOK(to: &buffer)
                case .value(nil): encoder.writeNull(to: &buffer)
                case .value(let bytes?): encoder.writeBulk(bytes, to: &buffer)
                case .flag(let flag): encoder.writeInteger(flag ? 1 : 0, to: &buffer)
                case .removed(let keys, _): encoder.writeInteger(Int64(keys), to: &buffer)
                }
            }
            return true
        case .failure(let error):
            if case .removeKeys = request, error.code == .tooBig {
                // The command has counted children up to the limit, and the next one would again.
                session.turnCommands += TurnLoad.wholeShare.commands
            }
            counters.refused(error.code)
            session.replyOnCommit { $0.writeError(error, to: &$1) }
            return false
        }
    }
}
