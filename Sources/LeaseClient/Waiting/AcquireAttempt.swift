internal import LeaseCore

/// One caller's attempt to get a lease.
///
/// If it fails, it leaves no lease behind, or one that ends by its TTL, if the daemon could not be reached again.
struct AcquireAttempt: Sendable {
    private let client: LeaseClient
    private let name: LeaseName
    private let ttl: TTL
    private let owner: Label?
    /// The id by which the daemon recognises a repetition.
    private var request: RequestID

    init(
        client: LeaseClient,
        name: LeaseName,
        ttl: TTL,
        owner: String?,
        request: RequestID
    ) throws(LeaseClientError) {
        self.client = client
        self.name = name
        self.ttl = ttl
        self.owner = try owner.map(Label.init(checking:))
        self.request = request
    }

    /// Asks once, on the client's connection.
    func ask() async throws(LeaseClientError) -> Lease {
        let command = OutgoingCommand.acquire(name, ttl: ttl, owner: owner, request: request)
        let answer = try await client.answer(to: command)
        return try await lease(answer, isLate: answer.wasRepeated)
    }

    /// Waits in the queue, on a separate connection, across restarts of the daemon.
    ///
    /// - Parameters:
    ///   - isBound: whether the tenure is bound to that connection, which is then returned.
    ///   - mayBeAway: whether to wait for a daemon that cannot be reached from the start.
    func wait(
        _ wait: LeaseWait,
        isBound: Bool = false,
        mayBeAway: Bool = false
    ) async throws(LeaseClientError) -> (lease: Lease, connection: HeldConnection?) {
        var attempt = self
        var state = WaitState(wait, mayBeAway: mayBeAway, now: .now)
        var step = state.next(now: .now)
        /// Whether the daemon may have made a grant that nobody heard of: it stopped, or the call gave up, before it
        /// answered.
        var mayBeGranted = false
        while true {
            switch step {
            case .join(let wait):
                do throws(LeaseClientError) {
                    return try await attempt.join(wait, isBound: isBound)
                } catch {
                    if error.code == .expired { attempt.request = .random() }
                    if [.connectionClosed, .clientClosed, .cancelled, .noAnswer].contains(error.code) {
                        mayBeGranted = true
                    }
                    if error.deniesGrant { mayBeGranted = false }
                    step = state.failed(error, now: .now)
                }
            case .pause(let count, let end):
                let due = ContinuousClock.now + client.configuration.backoff(attempt: count)
                try? await Task.sleep(until: end.map { min($0, due) } ?? due, clock: .continuous)
                step = Task.isCancelled ? .fail(.cancelled) : state.next(now: .now)
            case .fail(let error):
                guard mayBeGranted, let fence = await attempt.clearUp(), error.code == .cancelled else { throw error }
                throw .cancelled(returning: fence)
            }
        }
    }

    private func join(
        _ wait: LeaseWait,
        isBound: Bool
    ) async throws(LeaseClientError) -> (lease: Lease, connection: HeldConnection?) {
        let connection = ClientConnection(configuration: client.configuration)
        let command = OutgoingCommand.join(
            name,
            ttl: ttl,
            wait: wait,
            owner: owner,
            request: request,
            isBound: isBound
        )
        let answer: Answer
        do throws(LeaseClientError) {
            answer = try await connection.answer(to: command, timeout: limit(of: wait))
        } catch {
            await connection.close()
            throw error
        }
        do throws(LeaseClientError) {
            // On the existing connection: another one might exceed a limit. Not if the tenure is bound to it: a
            // connection made again for the question would look like the lost one.
            let lease = try await lease(
                answer,
                isLate: wait != .none,
                mayAskAgain: wait != .none,
                on: isBound ? nil : connection
            )
            guard isBound else {
                await connection.close()
                return (lease, nil)
            }
            guard let channel = await connection.detach() else {
                await client.giveBack(name, fence: lease.fence, token: lease.token)
                throw .lostAttachment
            }
            return (lease, HeldConnection(channel))
        } catch {
            await connection.close()
            throw error
        }
    }

    /// How long an answer may take, or `nil` for no limit: the daemon itself ends a wait.
    private func limit(of wait: LeaseWait) -> Duration? {
        switch wait {
        case .none: client.configuration.requestTimeout
        case .upTo(let duration): client.configuration.requestTimeout.map { $0 + duration }
        case .forever: nil
        }
    }

    /// The granted lease; if this throws, the grant is released if the daemon can be reached.
    ///
    /// - Parameters:
    ///   - isLate: whether the grant may be older than its answer suggests.
    ///   - mayAskAgain: whether the same request follows if the daemon goes away before it tells the time left. It then
    ///     answers with the same grant, which is therefore not released.
    ///   - connection: where the daemon is asked; the client's own connection if `nil`.
    private func lease(
        _ answer: Answer,
        isLate: Bool,
        mayAskAgain: Bool = false,
        on connection: ClientConnection? = nil
    ) async throws(LeaseClientError) -> Lease {
        let fence = try answer.token(of: "ACQUIRE")
        do throws(LeaseClientError) {
            guard !Task.isCancelled else { throw .cancelled }
            let deadline = try await client.deadline(
                of: name,
                token: fence,
                ttl: ttl,
                answer: answer,
                isLate: isLate,
                on: connection
            )
            return Lease(name: name, fence: fence, token: fence, ttl: ttl, deadline: deadline)
        } catch {
            if mayAskAgain, error.code.answer == nil, error.code != .clientClosed, !error.isOwnShortage,
                !Task.isCancelled
            {
                throw LeaseClientError(.connectionClosed, error.message, underlyingError: error)
            }
            guard error.code != .expired else { throw error }
            // A cancelled call has shut down the sending side of its connection.
            let isReturned = await client.giveBack(
                name,
                fence: fence,
                token: fence,
                on: Task.isCancelled ? nil : connection
            )
            throw isReturned && Task.isCancelled ? .cancelled(returning: fence) : error
        }
    }

    /// Releases a grant whose answer was lost, if the daemon can be reached.
    ///
    /// Returns its fence if the daemon confirmed the release.
    ///
    /// Only the request id tells whether a held lease is this attempt's: a repetition answers the token, or a conflict.
    private func clearUp() async -> Token? {
        let patience = client.configuration.connectTimeout
        guard
            let holder = try? await client.answer(to: .holder(name).shielded, timeout: patience),
            let status = try? holder.status()
        else { return nil }
        let repetition = OutgoingCommand.acquire(name, ttl: ttl, owner: owner, request: request).shielded
        guard
            let answer = try? await client.answer(to: repetition, timeout: patience),
            let token = try? answer.token(of: "ACQUIRE")
        else { return nil }
        let isReturned = await client.giveBack(name, fence: token, token: token)
        // A different fence is a new grant: the previous holder has just left.
        return isReturned && token == status.fence ? token : nil
    }
}

extension LeaseClientError {
    /// Whether the daemon's answer means that this request holds no lease.
    ///
    /// Other errors, such as too many connections or a full disk, say nothing about what an earlier connection
    /// requested.
    fileprivate var deniesGrant: Bool {
        [.conflict, .timeout, .expired].contains(code)
    }
}
