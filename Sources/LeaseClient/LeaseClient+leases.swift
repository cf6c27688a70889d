public import LeaseCore
internal import LeaseWire

extension LeaseClient {
    /// Acquires a free lease.
    ///
    /// If the task is cancelled while the daemon is being asked, the call waits for the answer, at most
    /// ``Configuration/connectTimeout``, and releases what was granted, so that a cancelled acquire leaves no lease behind.
    ///
    /// - Parameters:
    ///   - owner: what the holder calls itself, at most 256 bytes; by default the daemon takes this process's command
    ///     name.
    ///   - request: the id of this attempt. Its repetition by the same user answers the same grant.
    /// - Returns: the lease, its deadline counted from when the request was sent.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/conflict`` if it is held, also by this caller.
    public func acquire(
        _ name: LeaseName,
        ttl: TTL,
        owner: String? = nil,
        request: RequestID = .random()
    ) async throws(LeaseClientError) -> Lease {
        let command = OutgoingCommand.acquire(name, ttl: ttl, owner: try owner.map(label), request: request)
        let answer = try await answer(to: command)
        let fence = try token(answer, of: "ACQUIRE")
        guard !Task.isCancelled else {
            await giveBack(name, fence: fence, token: fence)
            throw .cancelled
        }
        do {
            let deadline = try await deadline(of: name, token: fence, ttl: ttl, answer: answer)
            return Lease(name: name, fence: fence, token: fence, ttl: ttl, deadline: deadline)
        } catch {
            if error.code != .expired { await giveBack(name, fence: fence, token: fence) }
            throw error
        }
    }

    /// Renews a lease by its newest token: its time begins anew.
    ///
    /// - Returns: the new token, which is now the newest. The fence stays.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the token is not the newest of the tenure in
    ///   force, ``LeaseClientError/Code/revoked`` if the tenure is being ended by force.
    public func renew(
        _ name: LeaseName,
        token: Token,
        ttl: TTL,
        request: RequestID = .random()
    ) async throws(LeaseClientError) -> Token {
        let answer = try await answer(to: .renew(name, token: token, ttl: ttl, request: request))
        return try self.token(answer, of: "RENEW")
    }

    /// Releases a lease by its newest token: it is free.
    ///
    /// If the answer was lost and the repeated command is answered that the token is over, the first one did it, or time
    /// did: that counts as done.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the token is not the newest of the tenure in
    ///   force.
    public func release(_ name: LeaseName, token: Token) async throws(LeaseClientError) {
        try await release(.release(name, token: token), timeout: nil)
    }

    /// What is left of the tenure that a token, or a fence, belongs to; in whole milliseconds, rounded down.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if it belongs to none in force.
    public func check(_ name: LeaseName, token: Token) async throws(LeaseClientError) -> Duration {
        try milliseconds(try await answer(to: .check(name, token: token)))
    }

    /// Tells who holds a lease.
    ///
    /// Returns `nil` if nobody does.
    public func holder(of name: LeaseName) async throws(LeaseClientError) -> LeaseStatus? {
        try status(try await answer(to: .holder(name)))
    }

    /// Lists the leases that are held, by name.
    ///
    /// - Parameters:
    ///   - prefix: what the names begin with.
    ///   - after: only names behind this one, to page through a long list.
    ///   - count: at most so many.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/tooBig`` if without `count` the list is too long.
    public func leases(
        prefix: [UInt8] = [],
        after: LeaseName? = nil,
        count: Int? = nil
    ) async throws(LeaseClientError) -> [LeaseStatus] {
        let reply = try await reply(to: .leases(prefix: prefix, after: after, count: count))
        guard let elements = reply.elements else { throw .unexpected("LEASES") }
        var leases: [LeaseStatus] = []
        leases.reserveCapacity(elements.count)
        for element in elements {
            guard let status = LeaseStatusReply(element) else { throw .unexpected("LEASES") }
            leases.append(LeaseStatus(status))
        }
        return leases
    }

    /// Ends a tenure by force: from now on it cannot be renewed.
    ///
    /// It is never repeated after a lost connection, since it could meet another tenure.
    ///
    /// - Parameters:
    ///   - after: when it ends; by default at once, or after 30 s if it is tied.
    ///   - reason: for the holder and the log, at most 256 bytes.
    /// - Returns: whether there was a tenure.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/denied`` if the caller is neither an administrator nor who
    ///   was granted.
    public func revoke(
        _ name: LeaseName,
        after: Duration? = nil,
        reason: String? = nil
    ) async throws(LeaseClientError) -> Bool {
        let reply = try await reply(to: .revoke(name, after: after, reason: try reason.map(label)))
        guard let count = reply.integer else { throw .unexpected("REVOKE") }
        return count != 0
    }

    /// A fresh fencing token without a lease, greater than every one before it.
    public func token() async throws(LeaseClientError) -> Token {
        try token(try await answer(to: .plain("TOKEN")), of: "TOKEN")
    }
}

extension LeaseClient {
    /// Renews a lease and tells its new token and deadline.
    ///
    /// - Parameter timeout: how long it may take; by default what the configuration says.
    func extend(_ lease: Lease, timeout: Duration?) async throws(LeaseClientError) -> Lease {
        let command = OutgoingCommand.renew(lease.name, token: lease.token, ttl: lease.ttl, request: .random())
        let answer = try await answer(to: command, timeout: timeout)
        let token = try token(answer, of: "RENEW")
        let deadline = try await deadline(of: lease.name, token: token, ttl: lease.ttl, answer: answer)
        return Lease(name: lease.name, fence: lease.fence, token: token, ttl: lease.ttl, deadline: deadline)
    }

    /// Who holds a lease, and when the daemon was asked.
    func holder(of name: LeaseName, timeout: Duration?) async throws(LeaseClientError) -> (
        status: LeaseStatus?, sentAt: ContinuousClock.Instant
    ) {
        let answer = try await answer(to: .holder(name), timeout: timeout)
        return (try status(answer), answer.sentAt)
    }

    /// Gives a lease back, also in a task that was cancelled.
    ///
    /// If its token is not the newest one, because the job renewed by itself or a renewal was cut off, the newest one of
    /// the same tenure is used. It is tried within a limit of time; if it cannot be done, the lease ends by its TTL.
    func giveBack(_ name: LeaseName, fence: Token, token: Token) async {
        var token = token
        while true {
            do {
                try await release(.release(name, token: token).shielded, timeout: configuration.connectTimeout)
                return
            } catch {
                guard
                    error.code == .expired,
                    let answer = try? await answer(to: .holder(name).shielded, timeout: configuration.connectTimeout),
                    let newest = try? status(answer), newest.fence == fence, newest.token > token
                else { return }
                token = newest.token
            }
        }
    }

    private func release(_ command: OutgoingCommand, timeout: Duration?) async throws(LeaseClientError) {
        let answer = try await answer(to: command, timeout: timeout)
        do {
            _ = try answer.value()
        } catch {
            guard answer.wasRepeated, error.code == .expired else { throw error }
        }
    }

    /// Until when a grant or a renewal holds, never too late: counted from the send of the request, or, when the request
    /// was repeated and its answer may be older than that, from a `CHECK` of what is left.
    private func deadline(
        of name: LeaseName,
        token: Token,
        ttl: TTL,
        answer: Answer
    ) async throws(LeaseClientError) -> ContinuousClock.Instant {
        guard answer.wasRepeated else { return answer.sentAt + ttl.duration }
        let check = try await self.answer(to: .check(name, token: token))
        return check.sentAt + (try milliseconds(check))
    }

    // MARK: - Reading answers

    private func token(_ answer: Answer, of command: String) throws(LeaseClientError) -> Token {
        guard let token = try answer.value().integer.flatMap(Token.init(rawValue:)) else { throw .unexpected(command) }
        return token
    }

    private func milliseconds(_ answer: Answer) throws(LeaseClientError) -> Duration {
        guard let milliseconds = try answer.value().integer else { throw .unexpected("CHECK") }
        return .milliseconds(milliseconds)
    }

    private func status(_ answer: Answer) throws(LeaseClientError) -> LeaseStatus? {
        let reply = try answer.value()
        guard !reply.isNull else { return nil }
        guard let status = LeaseStatusReply(reply) else { throw .unexpected("HOLDER") }
        return LeaseStatus(status)
    }

    private func label(_ text: String) throws(LeaseClientError) -> Label {
        do {
            return try Label(text)
        } catch {
            throw LeaseClientError(error)
        }
    }
}
