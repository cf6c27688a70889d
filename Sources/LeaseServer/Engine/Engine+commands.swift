import LeaseCore
import LeaseStore
import LeaseWire
import NIOCore

/// What each command does.
extension Engine {
    /// Executes a command and replies, now or later.
    ///
    /// - Throws: the refusal to reply.
    func execute(_ command: Command, for session: Session, now: Moment) throws(LeaseError) {
        switch command {
        case .acquire(let acquire):
            let owner = acquire.owner ?? session.defaultOwner
            perform(.acquire(ttl: acquire.ttl, owner: owner, request: acquire.request), on: acquire.name, session, now)
        case .renew(let renew):
            perform(.renew(token: renew.token, ttl: renew.ttl, request: renew.request), on: renew.name, session, now)
        case .release(let name, let token):
            perform(.release(token: token), on: name, session, now)
        case .check(let name, let token):
            perform(.check(token: token), on: name, session, now)
        case .holder(let name):
            perform(.holder, on: name, session, now)
        case .revoke(let revoke):
            perform(.revoke(after: revoke.after, reason: revoke.reason), on: revoke.name, session, now)
        case .token:
            let token = try backend.issueToken(now: now)
            session.replyOnCommit { $0.writeInteger(token.rawValue, to: &$1) }
        case .leases(let query):
            list(
                .leases(LeasePage(prefix: query.prefix, after: query.after, count: query.count ?? .max)),
                for: session,
                now: now
            )
        case .put, .get, .delete, .prefixAppend, .prefixList, .prefixContains, .prefixRemove, .keysList, .keysRange,
            .keysTracker, .keysRemove, .export, .importEntries:
            store(command, for: session, now: now)
        case .info(let section):
            let text = information(section: section, now: now)
            session.replyOnCommit { $0.writeText(text, to: &$1) }
        default:
            connection(command, for: session, now: now)
        }
    }

    /// Decides a request on a lease; the reply rests on the turn's commit.
    private func perform(_ request: LeaseRequest, on name: LeaseName, _ session: Session, _ now: Moment) {
        switch backend.perform(request, on: name, by: session.caller, now: now) {
        case .success(let answer):
            session.replyOnCommit { encoder, buffer in
                switch answer {
                case .token(let token): encoder.writeInteger(token.rawValue, to: &buffer)
                case .released: encoder.writeOK(to: &buffer)
                case .remaining(let left): encoder.writeInteger(left.wholeMilliseconds, to: &buffer)
                case .tenure(nil): encoder.writeNull(to: &buffer)
                case .tenure(let tenure?):
                    encoder.writeStatus(LeaseStatusReply(name: name, tenure: tenure, now: now), to: &buffer)
                case .revoked(let wasHeld): encoder.writeInteger(wasHeld ? 1 : 0, to: &buffer)
                }
            }
        case .failure(let error):
            counters.refused(error.code)
            session.replyOnCommit { $0.writeError(error, to: &$1) }
        }
    }
}

extension LeaseStatusReply {
    /// What `HOLDER` and `LEASES` tell of a tenure at an instant.
    init(name: LeaseName, tenure: Tenure, now: Moment) {
        self.init(
            name: name,
            token: tenure.token,
            fence: tenure.fence,
            owner: tenure.holder.owner.text,
            uid: tenure.holder.uid,
            gid: tenure.holder.gid,
            pid: tenure.holder.pid,
            ttlMilliseconds: tenure.ttl.milliseconds,
            remainingMilliseconds: tenure.remaining(at: now.boot).wholeMilliseconds,
            acquiredAtMilliseconds: tenure.acquiredAt.milliseconds,
            renewals: tenure.renewals,
            isBound: false,
            isTied: false,
            state: tenure.revocation == nil ? .held : .revoking,
            waiters: 0
        )
    }
}
