public import LeaseCore
internal import LeaseWire

extension LeaseClient {
    /// Renews a lease: its time begins again.
    ///
    /// If its token is no longer the newest, someone else may have renewed (perhaps the job): then the newest token of
    /// the same tenure is used.
    ///
    /// - Parameters:
    ///   - lease: the lease, as it was granted or renewed.
    ///   - ttl: the new TTL; by default the lease's own.
    /// - Returns: the lease with its new token and deadline.
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the tenure is over,
    ///   ``LeaseClientError/Code/revoked`` if it is being ended by force.
    public func renew(_ lease: Lease, ttl: TTL? = nil) async throws(LeaseClientError) -> Lease {
        try await withNewestToken(of: lease, ttl: ttl) { lease throws(LeaseClientError) in
            try await extend(lease, timeout: nil)
        }
    }

    /// Releases a lease: it is free.
    ///
    /// If its token is no longer the newest, because someone else renewed, the newest token of the same tenure is used.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the tenure is over.
    public func release(_ lease: Lease) async throws(LeaseClientError) {
        try await withNewestToken(of: lease, ttl: nil) { lease throws(LeaseClientError) in
            try await release(lease.name, token: lease.token)
        }
    }

    /// Ends the binding or tie of a lease and renews it: it goes on by time alone.
    ///
    /// The connection of the binding or tie no longer matters and may be closed.
    ///
    /// - Parameters:
    ///   - lease: the lease, as it was granted or renewed.
    ///   - ttl: the new TTL; by default the lease's own.
    /// - Returns: the lease with its new token and deadline.
    /// - Throws: what ``renew(_:ttl:)`` throws.
    public func unbind(_ lease: Lease, ttl: TTL? = nil) async throws(LeaseClientError) -> Lease {
        try await withNewestToken(of: lease, ttl: ttl) { lease throws(LeaseClientError) in
            try await extend(lease, binding: .unbind, timeout: nil)
        }
    }

    /// Binds a lease to a new connection, and renews it.
    ///
    /// It then also ends with that connection; an earlier binding or tie no longer counts.
    ///
    /// - Returns: the lease with its new token and deadline, and what it is bound to.
    /// - Throws: what ``renew(_:ttl:)`` throws.
    public func bind(_ lease: Lease) async throws(LeaseClientError) -> (lease: Lease, binding: LeaseBinding) {
        try await withNewestToken(of: lease, ttl: nil) { lease throws(LeaseClientError) in
            try await bindOnce(lease, timeout: nil)
        }
    }

    /// Ties a lease to a new connection: it does not end by time while a process holds that connection's descriptor.
    ///
    /// It ends when the last process that inherited ``LeaseTie/descriptor`` is gone, by a release, or by force. Earlier
    /// bindings and ties no longer count.
    ///
    /// A cancelled call still waits for the answer, at most ``Configuration/connectTimeout``, because giving up a
    /// completed tie would end the tenure.
    ///
    /// - Throws: ``LeaseClientError``: ``LeaseClientError/Code/expired`` if the tenure is over,
    ///   ``LeaseClientError/Code/busy`` if there are too many ties.
    public func tie(_ lease: Lease) async throws(LeaseClientError) -> LeaseTie {
        try await withNewestToken(of: lease, ttl: nil) { lease throws(LeaseClientError) in
            try await tie(lease.name, token: lease.token, timeout: nil)
        }
    }

    /// Ties a lease by its newest token.
    ///
    /// This is the command itself, for callers that keep tokens; ``tie(_:)`` finds the newest token.
    public func tie(_ name: LeaseName, token: Token) async throws(LeaseClientError) -> LeaseTie {
        try await tie(name, token: token, timeout: nil)
    }

    /// Runs `body` with the lease's token; if that is no longer the newest, again with the newest of the same tenure.
    private func withNewestToken<Value: Sendable>(
        of lease: Lease,
        ttl: TTL?,
        _ body: (Lease) async throws(LeaseClientError) -> Value
    ) async throws(LeaseClientError) -> Value {
        var lease = Lease(
            name: lease.name,
            fence: lease.fence,
            token: lease.token,
            ttl: ttl ?? lease.ttl,
            deadline: lease.deadline
        )
        while true {
            do throws(LeaseClientError) {
                return try await body(lease)
            } catch {
                guard error.code == .expired else { throw error }
                let (status, _) = try await holder(of: lease.name, timeout: nil)
                guard let status, status.fence == lease.fence, status.token > lease.token else { throw error }
                lease = Lease(
                    name: lease.name,
                    fence: lease.fence,
                    token: status.token,
                    ttl: lease.ttl,
                    deadline: lease.deadline
                )
            }
        }
    }
}

extension LeaseClient {
    /// Renews a lease by its token and returns it with its new token and deadline.
    ///
    /// - Parameter timeout: how long it may take; by default ``Configuration/requestTimeout``.
    func extend(
        _ lease: Lease,
        binding: Binding = .keep,
        on connection: ClientConnection? = nil,
        timeout: Duration?
    ) async throws(LeaseClientError) -> Lease {
        let command = OutgoingCommand.renew(
            lease.name,
            token: lease.token,
            ttl: lease.ttl,
            request: .random(),
            binding: binding
        )
        let answer = try await answer(to: command, on: connection, timeout: timeout)
        let token = try answer.token(of: "RENEW")
        let deadline = try await deadline(
            of: lease.name,
            token: token,
            ttl: lease.ttl,
            answer: answer,
            isLate: answer.wasRepeated
        )
        return Lease(name: lease.name, fence: lease.fence, token: token, ttl: lease.ttl, deadline: deadline)
    }

    /// Binds by the lease's token.
    func bindOnce(
        _ lease: Lease,
        timeout: Duration?
    ) async throws(LeaseClientError) -> (lease: Lease, binding: LeaseBinding) {
        let connection = ClientConnection(configuration: configuration)
        do throws(LeaseClientError) {
            let renewed = try await extend(lease, binding: .bind, on: connection, timeout: timeout)
            guard let channel = await connection.detach() else { throw .lostAttachment }
            return (renewed, LeaseBinding(HeldConnection(channel)))
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Ties by a token, within a timeout.
    func tie(_ name: LeaseName, token: Token, timeout: Duration?) async throws(LeaseClientError) -> LeaseTie {
        let connection = ClientConnection(configuration: configuration)
        do throws(LeaseClientError) {
            let command = OutgoingCommand.tie(name, token: token)
            guard try await answer(to: command, on: connection, timeout: timeout).value().text == "OK" else {
                throw .unexpected("TIE")
            }
            guard let channel = await connection.detach() else { throw .lostAttachment }
            return try await LeaseTie(HeldConnection(channel))
        } catch {
            await connection.close()
            throw error
        }
    }

    /// The holder of a lease, and when the daemon was asked.
    func holder(of name: LeaseName, timeout: Duration?) async throws(LeaseClientError) -> (
        status: LeaseStatus?, sentAt: ContinuousClock.Instant
    ) {
        let answer = try await answer(to: .holder(name), timeout: timeout)
        return (try answer.status(), answer.sentAt)
    }

    /// Releases a lease, even in a cancelled task.
    ///
    /// If its token is not the newest, because the job renewed or a renewal was cut off, the newest one of the same
    /// tenure is used. Each command has ``Configuration/connectTimeout``; if the release fails, the lease ends by its
    /// TTL.
    ///
    /// - Parameter connection: where the commands are sent; the client's own connection if `nil`.
    /// - Returns: whether the daemon has confirmed it.
    @discardableResult
    func giveBack(
        _ name: LeaseName,
        fence: Token,
        token: Token,
        on connection: ClientConnection? = nil
    ) async -> Bool {
        var token = token
        while true {
            let timeout = configuration.connectTimeout
            var wasRepeated = false
            do {
                let release = OutgoingCommand.release(name, token: token).shielded
                let answer = try await answer(to: release, on: connection, timeout: timeout)
                wasRepeated = answer.wasRepeated
                _ = try answer.value()
                return true
            } catch {
                guard error.code == .expired,
                    let answer = try? await answer(to: .holder(name).shielded, on: connection, timeout: timeout),
                    let reply = try? answer.value()
                else { return false }
                guard let newest = LeaseStatusReply(reply).map(LeaseStatus.init), newest.fence == fence else {
                    // The tenure is over; ended by this very release, if its first answer was lost.
                    return wasRepeated
                }
                guard newest.token > token else { return false }
                token = newest.token
            }
        }
    }

    /// Releases; a repeated release that finds the token expired counts as success, unless the tenure goes on under a
    /// newer token.
    func release(_ name: LeaseName, token: Token, timeout: Duration?) async throws(LeaseClientError) {
        let answer = try await answer(to: .release(name, token: token), timeout: timeout)
        do throws(LeaseClientError) {
            _ = try answer.value()
        } catch {
            guard answer.wasRepeated, error.code == .expired else { throw error }
            // A token of this lease that is above the tenure's fence is the tenure's own.
            let holder = try? await holder(of: name, timeout: timeout).status
            if let holder, holder.fence <= token { throw error }
        }
    }

    /// The deadline of a grant or renewal, never later than the daemon's: counted from when the request was sent or, if
    /// its answer may be late, from a `CHECK` of the time left.
    func deadline(
        of name: LeaseName,
        token: Token,
        ttl: TTL,
        answer: Answer,
        isLate: Bool,
        on connection: ClientConnection? = nil
    ) async throws(LeaseClientError) -> ContinuousClock.Instant {
        guard isLate || answer.wasRepeated else { return answer.sentAt + ttl.duration }
        let check = try await self.answer(to: .check(name, token: token), on: connection)
        return check.sentAt + (try check.milliseconds())
    }
}
