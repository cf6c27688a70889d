internal import LeaseCore
internal import LeaseWire
internal import NIOCore

/// The connection of a watch, as a pure state machine.
///
///     idle ─ start ─▶ connecting ─▶ greeting ─▶ subscribing ─▶ listing ─▶ settling ─ PONG ─▶ live
///                         ▲                          messages are kept until PONG     tells state and events
///                         └──── pausing ◀───────────────── lost ──────────────────────────────┘
///
/// It subscribes before it asks for the state, so nothing is missed. Messages of the turn in which the daemon read the
/// last part of the state may come after that part, but not after the answer to a later `PING`. Messages are kept until
/// then, and those that the state already shows are dropped (``StateAndEvents``).
///
/// Until it is live for the first time, a failure is an error for the caller; later it tries again, unless the daemon
/// refuses.
struct WatchState {
    /// What the shell has to do.
    enum Action {
        case connect
        /// Wait before connecting again; the attempt is counted from 1.
        case pause(attempt: Int)
        case write(ByteBuffer)
        case closeChannel
        case tell(LeaseUpdate)
        case fail(LeaseClientError)
    }

    private enum Phase {
        case idle, connecting, greeting
        /// The number of confirmations still to come.
        case subscribing(Int)
        case listing, settling, live, pausing, over
    }

    /// The most messages kept while the state is being read.
    static let keptLimit = 100_000

    private let names: Set<LeaseName>
    private let globs: [(glob: Glob, matcher: GlobMatcher)]
    private var phase = Phase.idle
    /// Attempts to connect since the last success.
    private var attempts = 0
    private var hasBeenLive = false
    private var questions: [StateQuestion] = []
    private var held: [LeaseName: LeaseStatus] = [:]
    private var kept: [LeaseEvent] = []

    init(patterns: [LeasePattern]) {
        var names: Set<LeaseName> = []
        var globs: [(Glob, GlobMatcher)] = []
        for pattern in patterns {
            switch pattern.kind {
            case .name(let name): names.insert(name)
            case .glob(let glob):
                if !globs.contains(where: { $0.0 == glob }) { globs.append((glob, GlobMatcher(glob))) }
            }
        }
        self.names = names
        self.globs = globs
    }

    /// Whether an answer is due that the daemon can give without work.
    var isGreeting: Bool {
        switch phase {
        case .greeting, .subscribing: true
        default: false
        }
    }

    mutating func start() -> [Action] {
        guard case .idle = phase else { return [] }
        phase = .connecting
        return [.connect]
    }

    // MARK: - The socket

    mutating func connected() -> [Action] {
        guard case .connecting = phase else { return [.closeChannel] }
        phase = .greeting
        return [.write(ByteBuffer(command: "HELLO", "3"))]
    }

    mutating func received(_ reply: RESPValue) -> [Action] {
        if case .push(let elements) = reply { return pushed(elements) }
        if case .error(let text) = reply { return refused(LeaseClientError(reply: text)) }
        switch phase {
        case .greeting: return subscribe()
        case .listing: return answered(reply)
        case .settling where reply.text == "PONG": return settle()
        case .subscribing, .settling, .live:
            return refused(LeaseClientError(.protocolViolation, "an answer came to no command"))
        case .idle, .connecting, .pausing, .over: return []
        }
    }

    /// Connecting failed, or the connection has ended.
    mutating func lost(_ error: LeaseClientError) -> [Action] {
        let wasLive: Bool
        switch phase {
        case .idle, .pausing, .over: return []
        case .live: wasLive = true
        default: wasLive = false
        }
        kept = []
        held = [:]
        guard hasBeenLive else {
            phase = .over
            return [.closeChannel, .fail(error)]
        }
        phase = .pausing
        attempts += 1
        return [.closeChannel] + (wasLive ? [.tell(.interrupted(error))] : []) + [.pause(attempt: attempts)]
    }

    mutating func pauseEnded() -> [Action] {
        guard case .pausing = phase else { return [] }
        phase = .connecting
        return [.connect]
    }

    // MARK: - Steps

    /// The daemon answered an error.
    private mutating func refused(_ error: LeaseClientError) -> [Action] {
        if case .listing = phase, error.code == .tooBig, let shorter = questions.last?.shorter {
            questions[questions.count - 1] = shorter
            return ask()
        }
        switch error.code {
        case .busy, .unavailable, .ioError: return lost(error)
        default:
            phase = .over
            return [.closeChannel, .fail(error)]
        }
    }

    private mutating func subscribe() -> [Action] {
        var actions: [Action] = []
        if !names.isEmpty {
            actions.append(.write(ByteBuffer(command: [OutgoingCommand.word("SUBSCRIBE")] + names.map(\.bytes))))
        }
        if !globs.isEmpty {
            actions.append(.write(ByteBuffer(command: [OutgoingCommand.word("PSUBSCRIBE")] + globs.map(\.glob.bytes))))
        }
        phase = .subscribing(names.count + globs.count)
        return actions + (actions.isEmpty ? list() : [])
    }

    private mutating func list() -> [Action] {
        phase = .listing
        questions = names.sorted(by: >).map { .holder($0) } + globs.map { .leases(prefix: $0.glob.literalPrefix) }
        return ask()
    }

    /// Asks the next question, or sends the final `PING`.
    private mutating func ask() -> [Action] {
        if let question = questions.last { return [.write(question.command.bytes)] }
        phase = .settling
        return [.write(ByteBuffer(command: "PING"))]
    }

    private mutating func answered(_ reply: RESPValue) -> [Action] {
        guard let question = questions.popLast(), let answer = question.answer(reply) else {
            return refused(LeaseClientError(.protocolViolation, "the daemon's answer is none that this client knows"))
        }
        for status in answer.leases where isWatched(status.name) {
            held[status.name] = status
        }
        if let next = answer.next { questions.append(next) }
        return ask()
    }

    private mutating func settle() -> [Action] {
        phase = .live
        attempts = 0
        hasBeenLive = true
        let told = StateAndEvents(held: held, kept: kept)
        held = [:]
        kept = []
        return [.tell(.state(told.state))] + told.events.map { .tell(.event($0)) }
    }

    private mutating func pushed(_ elements: [RESPValue]) -> [Action] {
        switch (phase, elements.first?.text) {
        case (.subscribing(let missing), "subscribe"), (.subscribing(let missing), "psubscribe"):
            phase = .subscribing(missing - 1)
            return missing == 1 ? list() : []
        case (_, "unsubscribe"), (_, "punsubscribe"):
            // Unsolicited: after a reload, the daemon's access rules no longer allow this watch.
            return refused(LeaseClientError(.denied, "the daemon has ended the watch: it may not be watched any more"))
        case (_, "message") where elements.count == 3:
            return told(channel: elements[1], payload: elements[2], by: nil)
        case (_, "pmessage") where elements.count == 4:
            return told(channel: elements[2], payload: elements[3], by: elements[1].bytes)
        default:
            return []
        }
    }

    private mutating func told(channel: RESPValue, payload: RESPValue, by pattern: [UInt8]?) -> [Action] {
        guard
            let name = channel.bytes.flatMap({ try? LeaseName($0) }),
            let message = payload.bytes.flatMap({ LeaseEvent(name: name, payload: $0) })
        else {
            return refused(LeaseClientError(.protocolViolation, "the daemon's message is none that this client knows"))
        }
        guard isFirst(pattern, for: name) else { return [] }
        switch phase {
        case .live:
            return [.tell(.event(message))]
        case .subscribing, .listing, .settling:
            guard kept.count < Self.keptLimit else {
                return lost(
                    LeaseClientError(.busy, "more than \(Self.keptLimit) events came during the list of leases")
                )
            }
            kept.append(message)
            return []
        default:
            return []
        }
    }

    /// Whether a message came by the first subscription that matches its lease: each matching subscription delivers it
    /// once.
    private func isFirst(_ pattern: [UInt8]?, for name: LeaseName) -> Bool {
        guard let pattern else { return true }
        guard !names.contains(name) else { return false }
        return globs.first { $0.matcher.matches(name.bytes) }?.glob.bytes == pattern
    }

    private func isWatched(_ name: LeaseName) -> Bool {
        names.contains(name) || globs.contains { $0.matcher.matches(name.bytes) }
    }
}
