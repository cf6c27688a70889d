import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// What each command does.
extension Engine {
    /// Executes a command and replies, now or later.
    ///
    /// - Throws: the refusal to reply.
    func execute(_ command: Command, for session: Session, now: Moment) throws(LeaseError) {
        switch command {
        case .acquire(let command):
            try acquire(command, for: session, now: now)
        case .renew(let command):
            renew(command, for: session, now: now)
        case .tie(let name, let token):
            try tie(name, token: token, for: session, now: now)
        case .release(let name, let token):
            perform(.release(token: token), on: name, session, now)
        case .check(let name, let token):
            endIfLost(name, now: now)
            perform(.check(token: token), on: name, session, now)
        case .holder(let name):
            endIfLost(name, now: now)
            guard !putOffUntilCommit(command, on: [name], session, now: now) else { return }
            perform(.holder, on: name, session, now)
        case .revoke(let revocation):
            endIfLost(revocation.name, now: now)
            guard !putOffUntilCommit(command, on: [revocation.name], session, now: now) else { return }
            revoke(revocation, for: session, now: now)
        case .token:
            let token = try backend.issueToken(now: now)
            session.replyOnCommit { $0.writeInteger(token.rawValue, to: &$1) }
        case .leases(let query):
            try session.caller.permit(.read, or: .acquire, onAllUnder: query.prefix)
            list(
                .leases(LeasePage(prefix: query.prefix, after: query.after, count: query.count ?? .max)),
                for: session,
                now: now
            )
        case .store(let command):
            try store(command, for: session, now: now)
        case .watching(let command):
            try watching(command, for: session)
        case .connection(let command):
            connection(command, for: session, now: now)
        case .info(let section):
            let text = information(section: section, now: now)
            session.replyOnCommit { $0.writeText(text, to: &$1) }
        case .command(let query):
            session.reply { $0.write(CommandTable.reply(to: query), to: &$1) }
        }
    }

    /// Ends a tenure by force; if it was another user's, that is logged, so that it can be told later who did it.
    private func revoke(_ command: RevokeCommand, for session: Session, now: Moment) {
        let holder = backend.tenure(of: command.name)?.holder
        let request = LeaseRequest.revoke(after: command.after, reason: command.reason)
        let result = backend.perform(request, on: command.name, by: session.caller, now: now)
        if result == .success(.revoked(true)), let holder, holder.uid != session.caller.uid {
            notes.notice(
                "lease revoked by another user",
                metadata: [
                    "lease": "\(command.name)", "holder_uid": "\(holder.uid)", "owner": "\(holder.owner)",
                    "uid": "\(session.caller.uid)", "pid": "\(session.caller.pid)", "reason": "\(command.reason)",
                ]
            )
        }
        reply(result, on: command.name, session, now)
    }

    /// Decides a request on a lease; the reply rests on the turn's commit.
    private func perform(_ request: LeaseRequest, on name: LeaseName, _ session: Session, _ now: Moment) {
        reply(backend.perform(request, on: name, by: session.caller, now: now), on: name, session, now)
    }

    /// Answers what was decided; the reply rests on the turn's commit.
    func reply(_ result: Result<LeaseAnswer, LeaseError>, on name: LeaseName, _ session: Session, _ now: Moment) {
        switch result {
        case .success(let answer):
            session.replyOnCommit { encoder, buffer in
                switch answer {
                case .token(let token): encoder.writeInteger(token.rawValue, to: &buffer)
                case .released, .tied: encoder.writeOK(to: &buffer)
                case .remaining(let left): encoder.writeInteger(left.wholeMilliseconds, to: &buffer)
                case .tenure(nil): encoder.writeNull(to: &buffer)
                case .tenure(let tenure?):
                    let waiters = waiting.lines.count(for: name)
                    let status = LeaseStatusReply(name: name, tenure: tenure, waiters: waiters, now: now)
                    encoder.writeStatus(status, to: &buffer)
                case .revoked(let wasHeld), .lost(let wasHeld): encoder.writeInteger(wasHeld ? 1 : 0, to: &buffer)
                }
            }
        case .failure(let error):
            counters.refused(error.code)
            session.replyOnCommit { $0.writeError(error, to: &$1) }
        }
    }
}

extension LeaseStatusReply {
    /// What `HOLDER` and `LEASES` report about a tenure at an instant.
    init(name: LeaseName, tenure: Tenure, waiters: Int, now: Moment) {
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
            isBound: tenure.attachment == .bound,
            isTied: tenure.attachment == .tied,
            state: tenure.revocation != nil ? .revoking : tenure.isOverdue(at: now.boot) ? .overdue : .held,
            waiters: waiters
        )
    }
}
