internal import LeaseCore
internal import LeaseWire
internal import NIOCore

/// The state of a client's connection, as a pure state machine.
///
///     idle ── submit ─▶ connecting ── connected ─▶ greeting ── answer ─▶ ready
///      ▲                    │                          │                  │
///      │                    ▼ failed                   ▼ lost             ▼ lost
///      └─ nothing to do ── pausing ◀───────── commands to repeat ─────────┘
///                           └─ pauseEnded ─▶ connecting
///
/// Commands wait in `waiting` until they can be sent, then in `inFlight` for their answers, which come in the order of
/// the commands. Each event returns what the shell has to do; the state knows no socket and is given the time.
///
/// The connection can also watch leases. Subscriptions are sent before other commands, on every new connection.
/// Watchers are alerted to each message about their lease, and when the connection is lost, because messages may be
/// missing then. The confirmation of a subscription is a push and names its channel; a refusal is an error in command
/// order. A refused or ended subscription is harmless: the keeper still renews.
///
/// When the connection is lost, a command that may be sent twice goes back to `waiting` and is sent again; any other
/// fails, because nobody knows whether it was done. A command that was never sent fails when connecting fails: its
/// caller knows best whether to try again.
struct ConnectionState {
    typealias Instant = ContinuousClock.Instant

    /// The push that answers a command on a subscription.
    fileprivate struct Confirmation: Hashable {
        let word: String
        let name: LeaseName
    }

    /// A pending command.
    struct Request {
        let id: Int
        let bytes: ByteBuffer
        /// Whether sending it twice has the same effect as sending it once.
        let isRepeatable: Bool
        /// What becomes of it when its caller is cancelled.
        let whenCancelled: OutgoingCommand.WhenCancelled
        /// Makes the command that undoes what the reply reports, for a reply that nobody waits for any more.
        let undo: (@Sendable (RESPValue) -> ByteBuffer?)?
        /// When it was sent last.
        fileprivate(set) var sentAt: Instant?
        fileprivate(set) var wasRepeated = false
        /// When its answer was first known to be lost.
        fileprivate(set) var lostAt: Instant?
        /// Whether its caller has gone; its answer is still to come.
        fileprivate(set) var isAbandoned = false
        /// The push that answers it, if it is not answered by a reply.
        fileprivate var confirmation: Confirmation?

        init(
            id: Int,
            bytes: ByteBuffer,
            isRepeatable: Bool,
            whenCancelled: OutgoingCommand.WhenCancelled = .abandoned,
            undo: (@Sendable (RESPValue) -> ByteBuffer?)? = nil
        ) {
            self.id = id
            self.bytes = bytes
            self.isRepeatable = isRepeatable
            self.whenCancelled = whenCancelled
            self.undo = undo
        }
    }

    /// What the shell has to do.
    enum Action {
        case connect
        /// Wait before connecting again; the attempt is counted from 1.
        case pause(attempt: Int)
        case write(ByteBuffer)
        case closeChannel
        /// Shut down the sending side; answers are still read.
        case closeOutput
        case succeed(id: Int, Answer)
        case fail(id: Int, LeaseClientError)
        /// Tell the lease's watchers that something may have happened to it; with the event, if the daemon sent one.
        case alert(LeaseName, LeaseEvent?)
        /// Limit the time for the answer, because its caller was cancelled.
        case limit(id: Int)
    }

    private enum Phase {
        case idle, connecting, greeting, ready, pausing, closed
    }

    private let commandLimit: Int
    /// How long a command whose answer was lost is sent again.
    private let repetitionLimit: Duration
    private var phase = Phase.idle
    /// Attempts to connect since the last success.
    private var attempts = 0
    private var waiting = CircularBuffer<Request>()
    private var inFlight = CircularBuffer<Request>()
    /// The watched leases, each with its number of watchers.
    private var watched: [LeaseName: Int] = [:]

    init(commandLimit: Int, repetitionLimit: Duration) {
        self.commandLimit = commandLimit
        self.repetitionLimit = repetitionLimit
    }

    /// Whether the daemon's first answer is still to come.
    var isGreeting: Bool { phase == .greeting }

    // MARK: - Callers

    mutating func submit(_ request: Request, now: Instant) -> [Action] {
        guard phase != .closed else { return [.fail(id: request.id, .closed)] }
        guard waiting.count + inFlight.count < commandLimit else {
            let message = "this client has \(commandLimit) commands under way; wait for some of them"
            return [.fail(id: request.id, LeaseClientError(.busy, message))]
        }
        waiting.append(request)
        switch phase {
        case .ready: return flush(now: now)
        case .idle:
            phase = .connecting
            return [.connect]
        default: return []
        }
    }

    /// The caller of a command was cancelled.
    mutating func cancel(id: Int) -> [Action] {
        let sentBefore = waiting.first { $0.id == id && $0.sentAt != nil }
        let sent = inFlight.first { $0.id == id && !$0.isAbandoned }
        switch (sentBefore ?? sent)?.whenCancelled ?? .abandoned {
        case .abandoned: return abandon(id: id, .cancelled)
        case .awaited: return [.limit(id: id)]
        case .endsWait: return sent == nil ? abandon(id: id, .cancelled) : [.closeOutput, .limit(id: id)]
        }
    }

    /// The caller of a command stops waiting.
    mutating func abandon(id: Int, _ error: LeaseClientError) -> [Action] {
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            waiting.remove(at: index)
            return [.fail(id: id, error)]
        }
        if let index = inFlight.firstIndex(where: { $0.id == id && !$0.isAbandoned }) {
            inFlight[index].isAbandoned = true
            return [.fail(id: id, error)]
        }
        return []
    }

    mutating func close() -> [Action] {
        let pending = inFlight.filter { !$0.isAbandoned } + Array(waiting)
        phase = .closed
        waiting.removeAll()
        inFlight.removeAll()
        return pending.map { .fail(id: $0.id, .closed) } + [.closeChannel]
    }

    /// Hands over the connection: nothing is sent or read here any more.
    ///
    /// Returns `nil` if there is no connection, or if commands are pending on it.
    mutating func detach() -> [Action]? {
        guard phase == .ready, inFlight.isEmpty, waiting.isEmpty else { return nil }
        phase = .closed
        return []
    }

    // MARK: - Watching

    mutating func watch(_ name: LeaseName) -> [Action] {
        let isFirst = watched[name] == nil
        watched[name, default: 0] += 1
        switch phase {
        case .ready: return isFirst ? [subscription("SUBSCRIBE", name)] : []
        case .idle:
            phase = .connecting
            return [.connect]
        case .connecting, .greeting, .pausing, .closed: return []
        }
    }

    mutating func unwatch(_ name: LeaseName) -> [Action] {
        guard let count = watched[name] else { return [] }
        watched[name] = count > 1 ? count - 1 : nil
        guard count == 1, phase == .ready else { return [] }
        return [subscription("UNSUBSCRIBE", name)]
    }

    private mutating func subscription(_ word: String, _ name: LeaseName) -> Action {
        let bytes = ByteBuffer(command: [OutgoingCommand.word(word), name.bytes])
        var request = Request(id: -1, bytes: bytes, isRepeatable: false)
        request.isAbandoned = true
        request.confirmation = Confirmation(word: word.lowercased(), name: name)
        inFlight.append(request)
        return .write(bytes)
    }

    private mutating func pushed(_ elements: [RESPValue]) -> [Action] {
        guard
            elements.count == 3, let word = elements[0].text,
            let name = elements[1].bytes.flatMap({ try? LeaseName($0) })
        else { return [] }
        switch word {
        case "subscribe", "unsubscribe":
            // A push may come before the answers to earlier commands. It may also answer no command: the daemon ends a
            // subscription when the access rules no longer allow it.
            let confirmation = Confirmation(word: word, name: name)
            if let index = inFlight.firstIndex(where: { $0.confirmation == confirmation }) {
                inFlight.remove(at: index)
            }
            return []
        case "message":
            guard watched[name] != nil else { return [] }
            return [.alert(name, elements[2].bytes.flatMap { LeaseEvent(name: name, payload: $0) })]
        default:
            return []
        }
    }

    // MARK: - The socket

    mutating func connected() -> [Action] {
        guard phase == .connecting else { return [.closeChannel] }
        phase = .greeting
        return [.write(ByteBuffer(command: "HELLO", "3"))]
    }

    mutating func received(_ reply: RESPValue, now: Instant) -> [Action] {
        if case .push(let elements) = reply { return pushed(elements) }
        switch phase {
        case .greeting:
            if case .error(let text) = reply { return lost(LeaseClientError(reply: text), now: now) }
            phase = .ready
            attempts = 0
            return watched.keys.map { subscription("SUBSCRIBE", $0) } + flush(now: now)
        case .ready:
            guard let request = inFlight.popFirst() else {
                return lost(LeaseClientError(.protocolViolation, "an answer came to no command"), now: now)
            }
            return deliver(reply, to: request, now: now)
        case .idle, .connecting, .pausing, .closed:
            return []
        }
    }

    /// Connecting failed, the daemon refused the connection, or the connection has ended.
    mutating func lost(_ error: LeaseClientError, now: Instant) -> [Action] {
        switch phase {
        case .connecting, .greeting, .ready: break
        case .idle, .pausing, .closed: return []
        }
        var actions: [Action] = [.closeChannel]
        if phase == .ready { actions += watched.keys.map { .alert($0, nil) } }
        let sent = inFlight.filter { !$0.isAbandoned }
        let unsent = waiting
        inFlight.removeAll()
        waiting.removeAll()
        for var request in Array(sent) + Array(unsent) {
            let lostAt = request.lostAt ?? now
            if request.sentAt == nil {
                actions.append(.fail(id: request.id, error))
            } else if request.isRepeatable, lostAt.duration(to: now) < repetitionLimit {
                request.lostAt = lostAt
                waiting.append(request)
            } else {
                let message = "the connection was lost before the answer came: \(error.message)"
                let failure = LeaseClientError(.connectionClosed, message, underlyingError: error.underlyingError)
                actions.append(.fail(id: request.id, failure))
            }
        }
        guard !waiting.isEmpty else {
            phase = .idle
            attempts = 0
            return actions
        }
        phase = .pausing
        attempts += 1
        return actions + [.pause(attempt: attempts)]
    }

    mutating func pauseEnded() -> [Action] {
        guard phase == .pausing else { return [] }
        guard !waiting.isEmpty else {
            phase = .idle
            return []
        }
        phase = .connecting
        return [.connect]
    }

    // MARK: - Steps

    private mutating func flush(now: Instant) -> [Action] {
        var bytes = ByteBuffer()
        while var request = waiting.popFirst() {
            request.wasRepeated = request.sentAt != nil
            request.sentAt = now
            bytes.writeImmutableBuffer(request.bytes)
            inFlight.append(request)
        }
        return bytes.readableBytes > 0 ? [.write(bytes)] : []
    }

    private mutating func deliver(_ reply: RESPValue, to request: Request, now: Instant) -> [Action] {
        guard request.isAbandoned else {
            let answer = Answer(reply: reply, sentAt: request.sentAt ?? now, wasRepeated: request.wasRepeated)
            return [.succeed(id: request.id, answer)]
        }
        guard let bytes = request.undo?(reply) else { return [] }
        var undo = Request(id: request.id, bytes: bytes, isRepeatable: false)
        undo.isAbandoned = true
        waiting.append(undo)
        return flush(now: now)
    }
}

/// The answer to a command.
struct Answer: Sendable {
    let reply: RESPValue
    /// When the command was last sent.
    let sentAt: ContinuousClock.Instant
    /// Whether it was sent more than once, so that the answer may be older than `sentAt`.
    let wasRepeated: Bool
}
