import LeaseCore
import LeaseStore
import Logging
import NIOCore

/// The engine: every decision of the daemon, one turn of the event loop at a time.
///
///     sockets → parse → decide ─┐                       ┌→ replies → sockets
///     sockets → parse → decide ─┼→ one commit a turn ───┼→ replies → sockets
///     timer   → expire ─────────┘                       └→ next wake-up, folding
///
/// Everything read in one turn is decided in order and committed together; then all replies go out, one flush per
/// connection. A turn of several clients looks at the sockets again before it ends. While the disk syncs, the next
/// turn's input gathers in the socket buffers. If the store refuses the commit, every reply that rested on it becomes
/// `IOERR`. If a sync fails, nobody is answered, the connections are closed, and ``failure`` ends the process: the file
/// decides at the next start.
///
/// The executor is the event loop of all connections, and a turn is never interrupted, so there is no lock.
actor Engine {
    nonisolated let eventLoop: any EventLoop

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let backend: any LeaseBackend
    let clock: any LeaseClock
    let startedAt: Moment
    let logger: Logger
    var timer: DeadlineTimer?
    var wakeUp: LoopWakeUp?
    let tieStore: TieStore?
    let failed: @Sendable (StoreError) -> Void

    private(set) var configuration: ServerConfiguration
    var sessions: [SessionID: Session] = [:]
    var connectionCounts = UserCounts()
    var lastSessionID: Int64 = 0
    var counters = Counters()
    var subscriptions = Subscriptions()
    var backlog = MessageBacklog()

    /// Sessions with something to write at the end of the turn.
    var turn: [Session] = []
    var isTurnScheduled = false
    /// Sessions answered in the last turn and not read since; empty if there were fewer than `fewestToReadOn`.
    var expected: [Session] = []
    /// The buffer for reads that bypass the channel.
    var readBuffer = ByteBuffer()
    /// Whether a dead holder's input is being processed, ahead of another session's command.
    var isReadingBehind = false
    /// How much the turn has done so far.
    var load = TurnLoad()
    /// Whether the turn is past its commit: until it is over nothing is decided, so that folding finds no open batch.
    var isGivingOut = false
    /// Sessions that continue in the next turn: their commands were cut, or came while replies were being written.
    var deferred: [Session] = []
    /// Sessions with a command that waits until the turn's grants are durable.
    var kept: [Session] = []
    /// How long a turn gathers commands to commit together.
    var gathering = Gathering()
    /// Whether a turn has left work for the next one.
    ///
    /// The wake-up calls that turn: if the loop did, it would look at no socket as long as turns call each other.
    var hasMoreWork = false
    /// Called once a turn has gone through the store.
    private var pings: [@Sendable () -> Void] = []
    var waiting = WaitingRoom()
    /// Requests that found others in line for a free lease: they are served after those, in the same turn.
    var putOffRequests: [(session: Session, request: PutOff)] = []
    /// Waiting sessions whose clients have closed their writing side in this turn.
    var closedWaits: [Session] = []
    /// Free leases with waiters: the commit that granted them was refused.
    var unserved: [LeaseName] = []
    /// Leases freed in this turn whose waiters have not been served yet.
    var freed: [FreedLease] = []
    /// Waiters that were granted a lease in this turn.
    var grants: [WaitedGrant] = []
    /// What to log once the turn is committed.
    var notes = CommitNotes()
    var holdings = Holdings()
    var attachments = AttachmentChanges()
    /// Fences of the tenures that this turn has already ended because their connections are gone.
    var endedAsLost: [LeaseName: Token] = [:]
    var unheardGrants = UnheardGrants()
    var tieCounts = UserCounts()
    /// How many ties are being stored in the descriptor store; each takes a second descriptor meanwhile.
    var tiesBeingKept = 0
    var listings = ListingLine()

    var schedule = Schedule()
    var folding = Folding()
    /// Whether the store has refused the commit of the turn that is ending.
    var isRefused = false
    /// Why the store last refused a commit.
    var refusal: LeaseError?
    /// The store refuses commits.
    var commitFault = OngoingFault()
    /// Connections cannot be accepted.
    var acceptFault = OngoingFault()
    private var report: (@Sendable (ServerStatus) -> Void)?
    private var toldStatus: ServerStatus?
    var state = State.running
    var failure: StoreError?
    var drained: (@Sendable () -> Void)?
    /// Whether, since the last look, bytes have come or unread sockets are read again.
    var hasRead = false

    enum State: Equatable {
        case running
        /// What the sockets already hold is still read, for at most this many more turns.
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
    ///   - tieStore: where ties are kept across a restart, if anywhere.
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
        // The loop may keep these closures after the engine is gone, as when a failed sync ends the daemon.
        wakeUp = try await LoopWakeUp.start(on: eventLoop) { [weak self] in
            self?.assumeIsolated { $0.scheduleTurn() }
        }
        timer = try await DeadlineTimer.start(on: eventLoop) { [weak self] in
            self?.assumeIsolated { $0.timerFired() }
        }
        // The first turn sets the timer for the tenures that the store has loaded.
        scheduleTurn()
    }

    // MARK: - Outside the turns

    /// The timer has fired: handles what has become due.
    func timerFired() {
        timer?.didFire()
        scheduleTurn()
    }

    /// Makes one round trip through the engine to the store.
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

    /// Calls `report` with the status, now and after each change.
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
        if schedule.takeStatusSlot(now: now.boot, isNew: status != toldStatus) {
            toldStatus = status
            report(status)
        }
    }

    /// Applies a reloaded configuration: limits, administrators, access rules, retention.
    func apply(_ configuration: ServerConfiguration) {
        self.configuration = self.configuration.reloaded(as: configuration)
        backend.apply(configuration.ledger)
        applyAccess()
    }

    /// Runs `work` in the engine's isolation, from any thread, after what the loop is doing.
    nonisolated func onLoop(_ work: @escaping @Sendable (isolated Engine) -> Void) {
        eventLoop.execute { self.assumeIsolated { work($0) } }
    }
}
