internal import LeaseWire
internal import NIOCore

/// What a client knows of its one connection, as a pure state machine.
///
///     idle ── submit ─▶ connecting ── connected ─▶ greeting ── answer ─▶ ready
///      ▲                    │                          │                  │
///      │                    ▼ failed                   ▼ lost             ▼ lost
///      └─ nothing to do ── pausing ◀───────── commands to repeat ─────────┘
///                           └─ pauseEnded ─▶ connecting
///
/// Commands wait in `waiting` until they can be sent, and in `inFlight` for their answers, which come in the order of the
/// commands. Each event returns what the shell has to do; the state knows no socket, and is given the time.
///
/// When the connection is lost, a command that may be sent twice goes back to `waiting` and is sent again; any other
/// fails, since nobody knows whether it was done. A command that was never sent fails when connecting fails: its caller
/// knows best whether to try again.
struct ConnectionState {
    typealias Instant = ContinuousClock.Instant

    /// A command on its way.
    struct Request {
        let id: Int
        /// The command as it is sent.
        let bytes: ByteBuffer
        /// Whether sending it twice does no more than sending it once.
        let isRepeatable: Bool
        /// Whether its answer is wanted also when its caller is cancelled, because it may have made something.
        let isAwaitedWhenCancelled: Bool
        /// The command that takes back what an answer tells was made, for an answer that nobody waits for any more.
        let undo: (@Sendable (RESPValue) -> ByteBuffer?)?
        /// When it was sent last.
        fileprivate(set) var sentAt: Instant?
        fileprivate(set) var wasRepeated = false
        /// When its answer was first known to be lost.
        fileprivate(set) var lostAt: Instant?
        /// Whether its caller has gone; its answer is still to come.
        fileprivate(set) var isAbandoned = false

        init(
            id: Int,
            bytes: ByteBuffer,
            isRepeatable: Bool,
            isAwaitedWhenCancelled: Bool = false,
            undo: (@Sendable (RESPValue) -> ByteBuffer?)? = nil
        ) {
            self.id = id
            self.bytes = bytes
            self.isRepeatable = isRepeatable
            self.isAwaitedWhenCancelled = isAwaitedWhenCancelled
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
        case succeed(id: Int, Answer)
        case fail(id: Int, LeaseClientError)
        /// Let the answer come within a limit of time, since its caller wants to go.
        case limit(id: Int)
    }

    private enum Phase {
        case idle, connecting, greeting, ready, pausing, closed
    }

    private let commandLimit: Int
    /// For how long a command whose answer was lost is sent again.
    private let repetitionLimit: Duration
    private var phase = Phase.idle
    /// Attempts to connect since the last that worked.
    private var attempts = 0
    private var waiting = CircularBuffer<Request>()
    private var inFlight = CircularBuffer<Request>()

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
        let isAwaited = (waiting.first { $0.id == id }).map { $0.isAwaitedWhenCancelled && $0.sentAt != nil }
        let isAwaitedInFlight = (inFlight.first { $0.id == id }).map(\.isAwaitedWhenCancelled)
        guard isAwaited ?? isAwaitedInFlight ?? false else { return abandon(id: id, .cancelled) }
        return [.limit(id: id)]
    }

    /// The caller of a command does not wait any longer.
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

    /// The client is closed by its own side.
    mutating func close() -> [Action] {
        let pending = inFlight.filter { !$0.isAbandoned } + Array(waiting)
        phase = .closed
        waiting.removeAll()
        inFlight.removeAll()
        return pending.map { .fail(id: $0.id, .closed) } + [.closeChannel]
    }

    // MARK: - The socket

    mutating func connected() -> [Action] {
        guard phase == .connecting else { return [.closeChannel] }
        phase = .greeting
        return [.write(ByteBuffer(command: "HELLO", "3"))]
    }

    mutating func received(_ reply: RESPValue, now: Instant) -> [Action] {
        if case .push = reply { return [] }
        switch phase {
        case .greeting:
            if case .error(let text) = reply { return lost(LeaseClientError(reply: text), now: now) }
            phase = .ready
            attempts = 0
            return flush(now: now)
        case .ready:
            guard let request = inFlight.popFirst() else {
                return lost(LeaseClientError(.protocolViolation, "an answer came to no command"), now: now)
            }
            return deliver(reply, to: request, now: now)
        case .idle, .connecting, .pausing, .closed:
            return []
        }
    }

    /// Connecting failed, the daemon did not want the connection, or the connection has ended.
    mutating func lost(_ error: LeaseClientError, now: Instant) -> [Action] {
        switch phase {
        case .connecting, .greeting, .ready: break
        case .idle, .pausing, .closed: return []
        }
        var actions: [Action] = [.closeChannel]
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

/// What came back for a command.
struct Answer: Sendable {
    let reply: RESPValue
    /// When the command was sent, the last time.
    let sentAt: ContinuousClock.Instant
    /// Whether it was sent more than once, so that the answer may be older than `sentAt`.
    let wasRepeated: Bool
}
