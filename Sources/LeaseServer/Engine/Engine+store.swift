import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

/// The commands of values, prefixes and keys.
///
/// Writes, and the reads of one thing, are decided in the turn and rest on its commit. Lists are read beside the loop.
extension Engine {
    func store(_ command: Command, for session: Session, now: Moment) {
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
            perform(.removeKeys(keys), session, now)
        case .importEntries(let entries):
            perform(.importEntries(entries), session, now)
        case .prefixList(let query):
            list(.children(of: query.key, after: query.after, count: query.count ?? .max), for: session, now: now)
        case .keysList(let query):
            list(.keys(prefix: query.prefix, after: query.after, count: query.count ?? .max), for: session, now: now)
        case .keysRange(let query):
            list(
                .range(low: query.low, high: query.high, after: query.after, count: query.count ?? .max),
                for: session,
                now: now
            )
        case .keysTracker(let key):
            list(.tracker(key), for: session, now: now)
        case .export(let keys):
            list(.export(keys, at: now), for: session, now: now)
        default:
            preconditionFailure("\(command) is no command of the store")
        }
    }

    /// Decides a request; the reply rests on the turn's commit.
    private func perform(_ request: StoreRequest, if guarded: LeaseGuard? = nil, _ session: Session, _ now: Moment) {
        switch backend.perform(request, if: guarded, by: session.caller, now: now) {
        case .success(let answer):
            session.replyOnCommit { encoder, buffer in
                switch answer {
                case .done: encoder.writeOK(to: &buffer)
                case .value(nil): encoder.writeNull(to: &buffer)
                case .value(let bytes?): encoder.writeBulk(bytes, to: &buffer)
                case .flag(let flag): encoder.writeInteger(flag ? 1 : 0, to: &buffer)
                case .count(let count): encoder.writeInteger(Int64(count), to: &buffer)
                }
            }
        case .failure(let error):
            counters.refused(error.code)
            session.replyOnCommit { $0.writeError(error, to: &$1) }
        }
    }
}
