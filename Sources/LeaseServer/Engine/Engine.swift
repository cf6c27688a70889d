import Glibc
import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// The engine: every decision of the daemon, one turn of the event loop at a time.
///
///     sockets → parse → decide ─┐                       ┌→ replies → sockets
///     sockets → parse → decide ─┼→ one commit a turn ───┼→ replies → sockets
///     timer   → expire ─────────┘                       └→ next wake-up, folding
///
/// All that is read in one turn is decided in order and committed together at the turn's end; then all replies go out,
/// one flush a connection. A turn of several clients looks at the sockets again before it ends. While the disk syncs,
/// the next turn gathers in the socket buffers. If the store refuses the commit, every reply that rested on it is
/// `IOERR`; if a sync fails, nobody is answered, the connections are closed, and ``failure`` ends the process: the file
/// decides at the next start.
///
/// The engine's executor is the event loop of all connections. There is no lock, and nothing to lock: a turn is never
/// interrupted.
actor Engine {
    nonisolated let eventLoop: any EventLoop

    /// The event loop.
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let backend: any LeaseBackend
    let clock: any LeaseClock
    let startedAt: Moment
    let logger: Logger
    var timer: DeadlineTimer?
    var wakeUp: LoopWakeUp?
    let tieStore: TieStore?
    private let failed: @Sendable (StoreError) -> Void

    private(set) var configuration: ServerConfiguration
    private(set) var sessions: [SessionID: Session] = [:]
    private var connectionsByUser: [UInt32: Int] = [:]
    private var lastSessionID: Int64 = 0
    var counters = Counters()
    /// Who is told of what happens to leases.
    var subscriptions = Subscriptions()
    /// What they have not read yet.
    var backlog = MessageBacklog()

    /// The sessions with something to write at the end of the turn.
    var turn: [Session] = []
    var isTurnScheduled = false
    /// Those who were answered in the last turn, if they were many, as far as they have not been read since.
    var expected: [Session] = []
    /// What was read last past a channel.
    var readBuffer = ByteBuffer()
    /// Whether what a holder sent before it went is being done, ahead of a command of somebody else.
    var isReadingBehind = false
    /// What the turn has done by now.
    var load = TurnLoad()
    /// Whether a turn is past its commit: nothing is decided until it is over, so that folding finds no batch.
    var isGivingOut = false
    /// The sessions that go on in the next turn: their commands were cut, or came while replies were given out.
    var held: [Session] = []
    /// The sessions with a command that is done once the turn's grants are durable.
    var kept: [Session] = []
    /// How long a turn goes on gathering what is committed together.
    var gathering = Gathering()
    /// Whether a turn has left work over.
    ///
    /// The next one is called by the wake-up, and not by the loop itself, which would
    /// see to no socket as long as each turn calls another.
    var hasMoreWork = false
    /// Who waits to hear that a turn has gone through the store.
    private var pings: [@Sendable () -> Void] = []
    /// Who waits for a lease.
    var waiting = WaitingRoom()
    /// Requests that found others in line for a free lease: they are served after them, in the same turn.
    var putOffRequests: [(session: Session, request: PutOff)] = []
    /// The sessions that wait and whose clients have closed their writing side in this turn.
    var closedWaits: [Session] = []
    /// The leases that are free with others in line, since the commit that granted them was refused.
    var unserved: [LeaseName] = []
    /// The waiters that this turn has granted.
    var grants: [WaitedGrant] = []
    /// What is to be logged once the turn's commit has made it true.
    var notes = CommitNotes()
    /// What bound and tied tenures hang on.
    var holdings = Holdings()
    /// What this turn changes about that.
    var attachments = AttachmentChanges()
    /// The tenures that this turn has ended before its end since their connections are gone, by their fences.
    var endedAsLost: [LeaseName: Token] = [:]
    /// The waited grants whose replies the sockets have not taken yet.
    var unheardGrants = UnheardGrants()
    /// How many connections are ties.
    var tieCounts = UserCounts()
    /// How many ties the descriptor store has been given and has not answered for; each has a descriptor of its own.
    var tiesBeingKept = 0
    /// Lists that are waiting for the tables to show what they are to show.
    var listings: [Listing] = []
    /// When a list of each user was begun last, in the order of all, as long as others wait.
    var listingTurns: [UInt32: Int64] = [:]
    var lastListingTurn: Int64 = 0
    /// How many lists are being read beside the loop.
    var readsUnderWay = 0

    var schedule = Schedule()
    /// Whether the next commit syncs what folding has written, too.
    var hasUnsyncedFold = false
    /// The place of the last thing that was durable when folding was planned.
    private var plannedSequence: Int64 = 0
    /// Whether the store has refused the commit of the turn that is ending.
    var isRefused = false
    /// Why the store refused the last commit that it refused.
    var refusal: LeaseError?
    /// That the store refuses commits, and that it does not fold.
    var commitFault = OngoingFault()
    private var foldFault = OngoingFault()
    /// That connections cannot be accepted.
    private var acceptFault = OngoingFault()
    private var report: (@Sendable (ServerStatus) -> Void)?
    private var toldStatus: ServerStatus?
    var state = State.running
    /// The failure that has ended the engine.
    private var failure: StoreError?
    var drained: (@Sendable () -> Void)?
    /// Whether bytes have come since it was last asked, or sockets that were not read are read again.
    var hasRead = false

    /// How many turns a stop goes on reading at the most.
    private static let lastLooks = 64

    enum State: Equatable {
        case running
        /// What the sockets hold already is still read, for so many turns more at the most.
        case lastLook(turns: Int)
        /// No more is read; what was received is answered.
        case draining
        /// A sync has failed: nothing is answered any more.
        case failed
        /// The store is closed.
        case closed
    }

    private init(
        eventLoop: any EventLoop,
        backend: sending any LeaseBackend,
        clock: any LeaseClock,
        configuration: ServerConfiguration,
        logger: Logger,
        tieStore: TieStore?,
        failed: @escaping @Sendable (StoreError) -> Void
    ) {
        self.eventLoop = eventLoop
        self.backend = backend
        self.clock = clock
        self.configuration = configuration
        self.logger = logger
        self.tieStore = tieStore
        self.failed = failed
        startedAt = clock.now()
    }

    /// Starts an engine on `eventLoop`, with its timer.
    ///
    /// - Parameters:
    ///   - tieStore: where ties are kept over a restart, if anywhere.
    ///   - failed: called once, when a sync has failed and the process must end.
    static func start(
        on eventLoop: any EventLoop,
        backend: sending any LeaseBackend,
        clock: any LeaseClock,
        configuration: ServerConfiguration,
        logger: Logger,
        tieStore: TieStore? = nil,
        failed: @escaping @Sendable (StoreError) -> Void
    ) async throws -> Engine {
        let engine = Engine(
            eventLoop: eventLoop,
            backend: backend,
            clock: clock,
            configuration: configuration,
            logger: logger,
            tieStore: tieStore,
            failed: failed
        )
        try await engine.startTimers()
        return engine
    }

    private func startTimers() async throws {
        // What the loop has of them may outlive the engine, as when the daemon ends for a failed sync.
        wakeUp = try await LoopWakeUp.start(on: eventLoop) { [weak self] in
            self?.assumeIsolated { $0.scheduleTurn() }
        }
        timer = try await DeadlineTimer.start(on: eventLoop) { [weak self] in
            self?.assumeIsolated { $0.timerFired() }
        }
        // The first turn sets it to what the store brought along.
        scheduleTurn()
    }

    // MARK: - Connections

    /// What becomes of a new connection.
    enum Admission {
        case admitted(SessionID)
        /// Over a limit: the error is its only reply.
        case refused(LeaseError)
        /// A sync has failed: it is closed without a word.
        case unanswered
    }

    /// Takes a connection in, if its limits allow.
    func connected(_ channel: any Channel, peer: PeerCredentials) -> Admission {
        guard state == .running else {
            counters.refusedConnections += 1
            if state == .failed { return .unanswered }
            return .refused(LeaseError(.busy, "the daemon is stopping; try again later"))
        }
        let limits = configuration.limits
        let isAdministrator = peer.isAdministrator(by: configuration.administrators)
        guard isAdministrator || peer.areGroupsKnown || !configuration.asksForGroups else {
            counters.refusedConnections += 1
            return .refused(
                LeaseError(
                    .denied,
                    "the kernel does not tell the groups of uid \(peer.uid), and the configuration asks for them"
                )
            )
        }
        let reserve = isAdministrator ? 0 : limits.reservedForAdministrators
        guard sessions.count < limits.connections - reserve else {
            counters.refusedConnections += 1
            return .refused(
                LeaseError(.busy, "\(sessions.count) connections are open, the most there may be; try again later")
            )
        }
        let own = connectionsByUser[peer.uid] ?? 0
        guard isAdministrator || own < limits.connectionsPerUser else {
            counters.refusedConnections += 1
            return .refused(
                LeaseError(.busy, "uid \(peer.uid) has \(own) connections, the most for one user; close some")
            )
        }
        let session = admit(channel, peer: peer)
        scheduleTurn()
        return .admitted(session.id)
    }

    /// A connection could not be accepted: it waits in the socket, and its client with it.
    func acceptFailed(_ error: IOError) {
        if let times = acceptFault.happened(at: clock.now().boot) {
            logger.warning(
                "connections cannot be accepted and wait",
                metadata: ["error": "\(String(cString: strerror(error.errnoCode)))", "times": "\(times)"]
            )
        }
    }

    /// Takes a connection in, whatever the limits say.
    func admit(_ channel: any Channel, peer: PeerCredentials) -> Session {
        lastSessionID += 1
        let session = Session(
            id: SessionID(rawValue: lastSessionID),
            channel: channel,
            peer: peer,
            caller: peer.caller(by: configuration),
            limits: configuration.limits.frames,
            connectedAt: clock.now()
        )
        sessions[session.id] = session
        connectionsByUser[peer.uid, default: 0] += 1
        counters.connections += 1
        logger.debug("connected", metadata: ["session": "\(session.id)", "uid": "\(peer.uid)", "pid": "\(peer.pid)"])
        return session
    }

    /// The connection is gone.
    func disconnected(_ id: SessionID) {
        guard let session = sessions.removeValue(forKey: id) else { return }
        if let count = connectionsByUser[session.peer.uid] {
            connectionsByUser[session.peer.uid] = count > 1 ? count - 1 : nil
        }
        endSubscriptions(of: id)
        backlog.forget(id)
        if let id = session.wait {
            session.wait = nil
            waiting.leave(id)
        }
        endHoldings(of: session)
        // What came with the end is still done, in the next turn; what was cut is not.
        session.isEnding = session.isEnding || !session.isHeld || session.isCut
        logger.debug("disconnected", metadata: ["session": "\(id)"])
        scheduleTurn()
    }

    /// Bytes have come.
    func received(_ bytes: ByteBuffer, from id: SessionID) {
        guard let session = sessions[id] else { return }
        received(bytes, from: session)
    }

    /// Bytes have come from a session that is there.
    func received(_ bytes: ByteBuffer, from session: Session) {
        switch state {
        case .running, .lastLook: hasRead = true
        case .draining, .failed, .closed: return
        }
        // Nothing that comes by a tie means anything.
        guard !session.isTie else { return }
        gathering.join(&session.lastTurn)
        var bytes = bytes
        if session.input.readableBytes == 0 {
            session.input = bytes
        } else {
            // What is parsed goes first: with frames that never end where a read ends it would all be kept.
            session.input.discardReadBytes()
            session.input.writeBuffer(&bytes)
        }
        process(session)
    }

    /// The client has closed its writing side: what was received is answered, then the connection ends.
    func inputClosed(by id: SessionID) {
        guard let session = sessions[id] else { return }
        session.isInputClosed = true
        if session.wait != nil {
            closedWaits.append(session)
        }
        joinTurn(session)
    }

    /// The socket takes bytes again, or takes no more for now.
    func writabilityChanged(of id: SessionID) {
        guard let session = sessions[id] else { return }
        if session.hasMore {
            process(session)
        }
        updateReading(of: session)
    }

    // MARK: - Commands

    /// Does what the session's bytes say, until they end, or a command has to wait.
    func process(_ session: Session) {
        guard !isGivingOut else { return hold(session) }
        // What comes behind a command that is kept is done behind it.
        guard session.keptCommand == nil else { return }
        session.isProcessing = true
        defer { session.isProcessing = false }
        let limits = configuration.limits.values
        let now = clock.now()
        session.share = load.share(patternBytes: subscriptions.patternBytes)
        let before = (commands: session.turnCommands, replyBytes: session.replies.size)
        do throws(ProtocolError) {
            while !session.isWaiting, !session.isEnding, !session.hasStopped, session.keptCommand == nil,
                let frame = try session.parser.next(from: &session.input)
            {
                counters.commands += 1
                // One that names thousands of keys is as much as many that name one.
                session.turnCommands += 1 + frame.arguments.count / TurnLoad.argumentsOfACommand
                attempt(session) { () throws(LeaseError) in
                    if isConfined(session), let refusal = Command.refusalToSubscriber(of: frame) { throw refusal }
                    try execute(Command.parse(frame, limits: limits), for: session, now: now)
                }
            }
        } catch {
            counters.protocolErrors += 1
            logger.info(
                "protocol error",
                metadata: [
                    "session": "\(session.id)", "uid": "\(session.peer.uid)", "pid": "\(session.peer.pid)",
                    "error": "\(error.text)",
                ]
            )
            session.reply { $0.writeError(error, to: &$1) }
            session.isEnding = true
        }
        session.isCut = session.hasStopped
        load.add(
            commands: session.turnCommands - before.commands,
            replyBytes: session.replies.size - before.replyBytes
        )
        if session.input.readableBytes == 0 {
            // A client that is silent now keeps no memory for what it said.
            session.input = ByteBuffer()
        }
        joinTurn(session)
    }

    /// Replies what a command is refused with.
    func attempt(_ session: Session, _ command: () throws(LeaseError) -> Void) {
        do throws(LeaseError) {
            try command()
        } catch {
            counters.refused(error.code)
            session.reply(error)
        }
    }

    /// Has the session go on in the next turn.
    func hold(_ session: Session) {
        guard !session.isHeld else { return }
        session.isHeld = true
        held.append(session)
    }

    /// Goes on with the sessions that the last turn has held back.
    func processHeld() {
        let sessions = held
        held = []
        // Those who had so much to be done that they were read no further are read again.
        hasRead = hasRead || !sessions.isEmpty
        // One whose command is kept goes on behind that.
        for session in sessions where session.keptCommand == nil {
            session.isHeld = false
            process(session)
            if self.sessions[session.id] == nil, session.keptCommand == nil {
                session.isEnding = true
            }
        }
    }

    /// Goes on with a session whose command has been answered late.
    func resume(_ session: Session) {
        session.isWaiting = false
        // Its socket is read again.
        hasRead = true
        process(session)
    }

    // MARK: - Beside the turns

    /// The timer has fired: a turn sees to what has become due.
    func timerFired() {
        timer?.hasFired()
        scheduleTurn()
    }

    /// Folds a slice if it is time for one.
    func tidy(now: Moment) {
        guard isServing else { return }
        let sequence = backend.lastDurableSequence
        if schedule.isFoldDue(now: now.boot, backlog: backend.foldBacklog) {
            let slice = Schedule.slice(
                growth: sequence - plannedSequence,
                backlog: backend.foldBacklog,
                leases: backend.leaseCount
            )
            do throws(CommitFailure) {
                let isQuiet = sequence == plannedSequence
                let isMore = try pausingFolding(isQuiet: isQuiet) { () throws(CommitFailure) in
                    try backend.fold(limit: slice.rows, isPaced: slice.isPaced)
                }
                schedule.hasFolded(now: now.boot, isMore: isMore)
                hasUnsyncedFold = true
                _ = foldFault.hasEnded()
            } catch {
                switch error {
                case .refused(let refusal):
                    if let times = foldFault.happened(at: now.boot) {
                        let metadata: Logger.Metadata = ["error": "\(refusal.message)", "times": "\(times)"]
                        logger.warning("folding refused", metadata: metadata)
                    }
                    schedule.delayFold(now: now.boot)
                case .unknown(let failure):
                    return fail(failure)
                }
            }
            if schedule.isFoldDue(now: now.boot, backlog: backend.foldBacklog) {
                hasMoreWork = true
            }
        }
        schedule.planFold(now: now.boot, backlog: backend.foldBacklog, hasGrown: sequence > plannedSequence)
        plannedSequence = sequence
    }

    /// Has folding pause for some times as long as `work` takes.
    func pausingFolding<Value>(
        isQuiet: Bool = false,
        after work: () throws(CommitFailure) -> Value
    ) throws(CommitFailure) -> Value {
        let began = clock.now().boot
        defer {
            let now = clock.now().boot
            let duration = began.duration(to: now)
            schedule.pauseFolding(
                now: now,
                after: duration,
                backlog: backend.foldBacklog,
                leases: backend.leaseCount,
                isQuiet: isQuiet
            )
        }
        return try work()
    }

    /// Goes through the engine to the store and back, once.
    ///
    /// - Throws: ``StoreError`` if the store does not answer.
    func probe() throws(StoreError) {
        do throws(CommitFailure) {
            try backend.ping()
        } catch {
            throw error.storeError
        }
    }

    /// Calls `done` once a turn has gone through engine and store.
    func ping(then done: @escaping @Sendable () -> Void) {
        pings.append(done)
        scheduleTurn()
    }

    func answerPings() {
        guard !pings.isEmpty else { return }
        do throws(CommitFailure) {
            try backend.ping()
        } catch {
            logger.error("the store does not answer", metadata: ["error": "\(error)"])
            return pings.removeAll()
        }
        let answered = pings
        pings = []
        answered.forEach { $0() }
    }

    /// Has `report` called with the status, now and when it has changed.
    func reportStatus(_ report: @escaping @Sendable (ServerStatus) -> Void) {
        self.report = report
        scheduleTurn()
    }

    func tellStatus(now: Moment) {
        guard let report else { return }
        let status = ServerStatus(
            leases: backend.leaseCount,
            connections: sessions.count,
            refusesCommits: commitFault.isOngoing
        )
        if schedule.mayTell(now: now.boot, isNew: status != toldStatus) {
            toldStatus = status
            report(status)
        }
    }

    /// Takes over a configuration that has been read anew: limits, administrators, access rules, retention.
    func apply(_ configuration: ServerConfiguration) {
        self.configuration = self.configuration.reloaded(as: configuration)
        backend.apply(configuration.ledger)
        applyAccess()
    }

    /// Ends the daemon without a word to anybody: nobody knows what the disk holds.
    func fail(_ failure: StoreError) {
        state = .failed
        self.failure = failure
        turn = []
        stopTimers()
        dropConnections()
        backend.abandon()
        failed(failure)
        drained?()
        drained = nil
    }

    /// Runs `work` in the engine's isolation, from any thread, after what the loop is doing.
    nonisolated func onLoop(_ work: @escaping @Sendable (isolated Engine) -> Void) {
        eventLoop.execute { self.assumeIsolated { work($0) } }
    }

    // MARK: - The end

    /// Answers what was received, reads no more, and closes every connection.
    ///
    /// Received is what the sockets hold when the stop comes; a client that goes on sending is cut off after a while.
    ///
    /// - Throws: ``StoreError`` when a sync has failed, before or meanwhile: the process is to end without another word.
    func drain() async throws(StoreError) {
        if state == .running {
            state = .lastLook(turns: Self.lastLooks)
            // Whether the sockets hold something is not known before the loop has looked.
            hasRead = true
            await withCheckedContinuation { continuation in
                drained = { continuation.resume() }
                scheduleTurn()
            }
        }
        if let failure { throw failure }
    }

    /// Closes every connection at once, whatever is still to be written.
    func dropConnections() {
        for session in sessions.values {
            session.channel.close(promise: nil)
        }
    }

    /// Closes the store.
    ///
    /// - Throws: ``StoreError`` if that failed; what was answered is durable all the same.
    func close() throws(StoreError) {
        stopTimers()
        guard state != .failed else { return }
        state = .closed
        try backend.close()
    }

    private func stopTimers() {
        timer?.stop()
        wakeUp?.stop()
        // Their descriptors may be somebody else's soon.
        timer = nil
        wakeUp = nil
    }
}
