/// The rules of leases: pure functions from a tenure or none, a request and `now` to a decision.
///
/// They read no clock and change nothing. Refusals come in the protocol's order: the token (`EXPIRED`), then a running
/// revocation (`REVOKED`), then the user (`DENIED`).
package enum LeaseRules {
    /// How long a revoked tied tenure has to end, unless the revocation says otherwise.
    package static let revocationGrace = Duration.seconds(30)

    /// Decides a request on the lease `name`.
    ///
    /// - Parameters:
    ///   - request: What is asked.
    ///   - name: The lease, for messages.
    ///   - tenure: The lease's tenure as it is stored, or `nil` if the lease is free.
    ///   - caller: The requester.
    ///   - now: The instant of the decision, on both clocks.
    ///   - tokens: The store's token sequence; it advances only if a token is issued.
    package static func decide(
        _ request: LeaseRequest,
        on name: LeaseName,
        tenure: Tenure?,
        by caller: Caller,
        now: Moment,
        tokens: inout TokenSequence
    ) -> Decision {
        let ended = tenure?.ending(at: now.boot)
        let context = Context(name: name, tenure: ended == nil ? tenure : nil, caller: caller, now: now)
        do throws(LeaseError) {
            let (event, answer) = try context.decide(request, tokens: &tokens)
            return Decision(ended: ended, event: event, answer: .success(answer))
        } catch {
            return Decision(ended: ended, answer: .failure(error))
        }
    }
}

extension LeaseRules {
    /// The context of one request; its tenure is in force.
    struct Context {
        let name: LeaseName
        let tenure: Tenure?
        let caller: Caller
        let now: Moment

        typealias Step = (TenureEvent?, LeaseAnswer)

        func decide(_ request: LeaseRequest, tokens: inout TokenSequence) throws(LeaseError) -> Step {
            switch request {
            case .acquire(let ttl, let owner, let id, let binds):
                try acquire(ttl: ttl, owner: owner, id: id, binds: binds, tokens: &tokens)
            case .renew(let token, let ttl, let id, let binding):
                try renew(token: token, ttl: ttl, id: id, binding: binding, tokens: &tokens)
            case .tie(let token):
                try tie(token: token)
            case .release(let token):
                try release(token: token)
            case .check(let token):
                try check(token: token)
            case .holder:
                try holder()
            case .revoke(let after, let reason):
                try revoke(after: after, reason: reason)
            case .lose(let fence):
                lose(fence: fence)
            }
        }

        // MARK: - The verbs

        private func acquire(
            ttl: TTL,
            owner: Label,
            id: RequestID?,
            binds: Bool,
            tokens: inout TokenSequence
        ) throws(LeaseError) -> Step {
            if let tenure {
                if tenure.request?.isRepeated(by: id, verb: .acquire, caller: caller) == true {
                    return (binds ? rebinding(tenure) : nil, .token(tenure.token))
                }
                try caller.permit(.acquire, on: name)
                throw conflict(with: tenure)
            }
            try caller.permit(.acquire, on: name)
            let token = try tokens.next(wall: now.wall)
            let granted = Tenure(
                token: token,
                holder: Holder(uid: caller.uid, gid: caller.gid, pid: caller.pid, owner: owner),
                ttl: ttl,
                request: id.map { RequestRecord(id: $0, verb: .acquire, uid: caller.uid, replaced: nil) },
                attachment: binds ? .bound : .nothing,
                now: now
            )
            return (.granted(granted), .token(token))
        }

        private func renew(
            token: Token,
            ttl: TTL,
            id: RequestID?,
            binding: Binding,
            tokens: inout TokenSequence
        ) throws(LeaseError) -> Step {
            guard let tenure else { throw expired(token) }
            let isRepetition =
                tenure.request?.isRepeated(by: id, verb: .renew, caller: caller) == true
                && (token == tenure.token || token == tenure.request?.replaced)
            guard isRepetition || token == tenure.token else { throw expired(token) }
            if let revocation = tenure.revocation {
                throw revoked(revocation, tenure)
            }
            if isRepetition {
                return (binding == .bind ? rebinding(tenure) : nil, .token(tenure.token))
            }
            guard caller.mayAct(for: tenure.holder, of: name) else { throw denied("renew", tenure) }
            let renewal = Renewal(
                token: try tokens.next(wall: now.wall),
                ttl: ttl,
                deadline: now.advanced(by: ttl.duration),
                request: id.map { RequestRecord(id: $0, verb: .renew, uid: caller.uid, replaced: token) },
                attachment: binding.attachment
            )
            return (.renewed(renewal), .token(renewal.token))
        }

        /// The event that binds a tenure whose request is repeated, or `nil` if it is bound already.
        private func rebinding(_ tenure: Tenure) -> TenureEvent? {
            tenure.attachment == .bound ? nil : .attached(.bound)
        }

        private func tie(token: Token) throws(LeaseError) -> Step {
            guard let tenure, token == tenure.token else { throw expired(token) }
            guard caller.mayAct(for: tenure.holder, of: name) else { throw denied("tie", tenure) }
            return (tenure.attachment == .tied ? nil : .attached(.tied), .tied)
        }

        private func release(token: Token) throws(LeaseError) -> Step {
            guard let tenure, token == tenure.token else { throw expired(token) }
            guard caller.mayAct(for: tenure.holder, of: name) else { throw denied("release", tenure) }
            return (.ended(TenureEnd(.released)), .released)
        }

        private func check(token: Token) throws(LeaseError) -> Step {
            guard let tenure, tenure.isCurrent(token) else { throw expired(token) }
            return (nil, .remaining(tenure.remaining(at: now.boot)))
        }

        private func holder() throws(LeaseError) -> Step {
            if tenure?.holder.uid != caller.uid {
                try caller.permit(.read, or: .acquire, on: name)
            }
            return (nil, .tenure(tenure))
        }

        private func revoke(after: Duration?, reason: Label) throws(LeaseError) -> Step {
            if tenure?.holder.uid != caller.uid, !caller.mayAdminister(name) {
                // A caller that may not see the lease must not learn whether it is held, and by whom.
                try caller.permit(.read, or: .acquire, on: name)
            }
            guard let tenure else { return (nil, .revoked(false)) }
            guard caller.mayAct(for: tenure.holder, of: name) else { throw denied("revoke", tenure) }
            // A second request changes the time; the reason stays unless it gives another.
            let reason = reason.text.isEmpty ? tenure.revocation?.reason ?? reason : reason
            let grace = after ?? (tenure.attachment == .tied ? LeaseRules.revocationGrace : .zero)
            guard grace > .zero else { return (.ended(TenureEnd(.revoked, reason: reason)), .revoked(true)) }
            let end = now.advanced(by: grace)
            let revoker = try revoker(of: tenure, until: end)
            return (.revoking(Revocation(end: end, reason: reason, revoker: revoker)), .revoked(true))
        }

        /// The user of a revocation that begins, or replaces a running one.
        ///
        /// A user whose tenure an administrator is ending may make it end sooner, but not later.
        private func revoker(of tenure: Tenure, until end: Moment) throws(LeaseError) -> UInt32 {
            guard let running = tenure.revocation, let revoker = running.revoker, revoker != caller.uid,
                !caller.mayAdminister(name)
            else { return caller.uid }
            guard end.boot <= running.end.boot else {
                let left = max(now.boot.duration(to: running.end.boot), .zero).wholeMilliseconds
                throw LeaseError(
                    .denied,
                    "uid \(caller.uid) may not put off the end of lease '\(name)', which uid \(revoker) revokes in \(left) ms; ask an administrator"
                )
            }
            return revoker
        }

        private func lose(fence: Token) -> Step {
            guard tenure?.fence == fence else { return (nil, .lost(false)) }
            return (.ended(TenureEnd(.lost)), .lost(true))
        }

        // MARK: - The refusals

        private func conflict(with tenure: Tenure) -> LeaseError {
            let advice = tenure.isOverdue(at: now.boot) ? "wait for it, or have it revoked" : "try again later"
            return LeaseError(.conflict, "\(tenure.account(of: name, at: now.boot)); \(advice)")
        }

        private func expired(_ token: Token) -> LeaseError {
            LeaseError(
                .expired,
                "token \(token) is not, or no longer, that of lease '\(name)'; stop what it protects, and acquire it again"
            )
        }

        private func revoked(_ revocation: Revocation, _ tenure: Tenure) -> LeaseError {
            // The earlier end; a tied tenure has only this one.
            let left = max(now.boot.duration(to: tenure.end ?? revocation.end.boot), .zero).wholeMilliseconds
            let reason = revocation.reason.text.isEmpty ? "" : " (\(revocation.reason))"
            return LeaseError(
                .revoked,
                "lease '\(name)' is being revoked\(reason) and ends in \(left) ms; stop now and release it"
            )
        }

        private func denied(_ verb: String, _ tenure: Tenure) -> LeaseError {
            LeaseError(
                .denied,
                "uid \(caller.uid) may not \(verb) lease '\(name)', granted to uid \(tenure.holder.uid); ask an administrator"
            )
        }
    }
}

extension Binding {
    /// What a renewal makes of the attachment, or `nil` if it leaves it.
    fileprivate var attachment: Attachment? {
        switch self {
        case .keep: nil
        case .bind: .bound
        case .unbind: .nothing
        }
    }
}
