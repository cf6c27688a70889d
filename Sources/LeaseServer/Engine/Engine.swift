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
    let failed: @Sendable (StoreError) -> Void

    private(set) var configuration: ServerConfiguration
    var sessions: [SessionID: Session] = [:]
    /// How many connections each user has.
    var connectionCounts = UserCounts()
    var lastSessionID: Int64 = 0
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
    var deferred: [Session] = []
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
    /// The leases that this turn has set free, as far as their lines are yet to be served.
    var freed: [FreedLease] = []
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
    /// Lists that are under way.
    var listings = ListingLine()

    var schedule = Schedule()
    var folding = Folding()
    /// Whether the store has refused the commit of the turn that is ending.
    var isRefused = false
    /// Why the store refused the last commit that it refused.
    var refusal: LeaseError?
    /// That the store refuses commits.
    var commitFault = OngoingFault()
    /// That connections cannot be accepted.
    var acceptFault = OngoingFault()
    private var report: (@Sendable (ServerStatus) -> Void)?
    private var toldStatus: ServerStatus?
    var state = State.running
    /// The failure that has ended the engine.
    var failure: StoreError?
    var drained: (@Sendable () -> Void)?
    /// Whether bytes have come since it was last asked, or sockets that were not read are read again.
    var hasRead = false

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

    // MARK: - Beside the turns

    /// The timer has fired: a turn sees to what has become due.
    func timerFired() {
        timer?.didFire()
        scheduleTurn()
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
        if schedule.takeStatusSlot(now: now.boot, isNew: status != toldStatus) {
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

    /// Runs `work` in the engine's isolation, from any thread, after what the loop is doing.
    nonisolated func onLoop(_ work: @escaping @Sendable (isolated Engine) -> Void) {
        eventLoop.execute { self.assumeIsolated { work($0) } }
    }
}
