import Glibc
import LeaseCore

/// A store of leases and values in one SQLite file, for use inside a program, without a daemon.
///
///     let store = try await LeaseStore.open(path: "jobs.db")
///     let grant = try await store.acquire(LeaseName("backup"), ttl: TTL(.seconds(30)), owner: Label("nightly"))
///     …                                                   // hand grant to whatever the job writes to, as its fence
///     let guarded = LeaseGuard(lease: LeaseName("backup"), token: grant)
///     try await store.put(state, for: Key("backup/state"), if: guarded)     // only while the lease is held
///     try await store.release(LeaseName("backup"), token: grant)
///     try await store.close()
///
/// Only one process at a time has a file open; a second one is refused. Any number of its tasks may call: calls made at
/// the same time are decided in order and made durable together, by one sync of the disk. **When a call returns, what
/// it says is on disk**, and survives a crash of the process or a power loss at any instant.
///
/// Every call throws `LeaseError` if it is refused, and has then changed nothing. It throws ``StoreError`` if the file
/// cannot be read, or can no longer be used: after ``StoreError/Code/syncFailed`` it is unknown whether the call took
/// effect until the file is opened again.
///
/// Each key may have a simple value, children and a lease at once; an operation on one kind never affects the others.
/// ``update(_:)`` makes several operations one: it reads, decides and writes, and nothing comes in between.
///
/// Cancelling a task does not undo a call that has begun: the call returns its result.
public actor LeaseStore {
    /// How a store is opened.
    public struct Configuration: Sendable {
        /// The function that hashes keys; a file made with another one is refused.
        public var keyHash = KeyHash.xxh64
        /// The most leases in force.
        ///
        /// They are held in memory, at a few hundred bytes each.
        public var maximumLeases = 1_000_000
        /// The size of the file from which values, children and imports are refused as `LeaseError.Code.busy`.
        ///
        /// Leases are not affected, and space that removed keys have left counts as free.
        public var maximumFileBytes: Int64 = .max
        /// How long the history of ended tenures is kept.
        public var historyAge: Duration = .seconds(30 * 86_400)
        /// How many rows of history are kept.
        public var historyRows: Int64 = 100_000
        /// From how many frames (4 KiB each) the WAL is checkpointed.
        package var walFrames: Int32 = 4000
        /// The clock, or `nil` for the machine's clocks.
        public var clock: (any LeaseClock)?

        /// Creates the default configuration.
        public init() {}
    }

    let executor: SerialQueueExecutor
    let clock: any LeaseClock
    let caller: Caller
    var ledger: Ledger?
    var failure: StoreError?
    var turn: [Pending] = []
    /// How many reads are running beside the turns.
    var readsUnderWay = 0
    /// The reads held back until none is running, since the WAL is overlong.
    var heldReads: [Read] = []

    /// The queue that the store's calls run on.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens the store at `path`, creating the file with mode 0600 if it is missing.
    ///
    /// Tenures continue: after a restart in the same boot each has at least min(TTL, 10 s) left, once for each grant or
    /// renewal; after a reboot the time left is taken from the wall clock.
    ///
    /// - Throws: ``StoreError``; what the store holds is as it was.
    public static func open(path: String, configuration: Configuration = Configuration()) async throws(StoreError)
        -> LeaseStore
    {
        let clock: any LeaseClock = if let clock = configuration.clock { clock } else { try SystemLeaseClock() }
        let store = LeaseStore(clock: clock)
        try await store.open(path: path, configuration)
        return store
    }

    private init(clock: any LeaseClock) {
        self.clock = clock
        executor = SerialQueueExecutor(label: "leased.library")
        // A process that has the file open can do everything with it; there is nobody to deny.
        caller = Caller(uid: geteuid(), gid: getegid(), pid: getpid(), isAdministrator: true)
    }

    private func open(path: String, _ configuration: Configuration) throws(StoreError) {
        var options = LedgerConfiguration()
        options.keyHash = configuration.keyHash
        options.leaseQuota.total = configuration.maximumLeases
        options.maximumFileBytes = configuration.maximumFileBytes
        options.historyAge = configuration.historyAge
        options.historyRows = configuration.historyRows
        options.walFrames = configuration.walFrames
        ledger = try Ledger(path: path, configuration: options, clock: clock)
    }

    /// Moves everything into the file and closes it; every later call throws ``StoreError/Code/closed``.
    ///
    /// Does nothing if the store is closed, or a failed sync has ended it.
    ///
    /// - Throws: ``StoreError`` if that failed; everything that was answered is durable all the same.
    public func close() async throws(StoreError) {
        endTurn()
        // The turn may have ended the ledger.
        guard let ledger else { return }
        self.ledger = nil
        try ledger.close()
    }
}
