import LeaseCore
import LeaseStore

/// What the engine needs of a store: requests are decided now, and made durable together at the end of the turn.
///
/// The seam between the engine and what it runs on. Everything is called only from the engine's isolation. No answer
/// may leave the engine before ``commit()`` has returned.
protocol LeaseBackend: AnyObject {
    /// Decides a request and notes what it does.
    func perform(
        _ request: LeaseRequest,
        on name: LeaseName,
        by caller: Caller,
        now: Moment
    ) -> Result<LeaseAnswer, LeaseError>

    /// Decides a request on values, prefixes and keys, and writes what it does.
    func perform(
        _ request: StoreRequest,
        if guard: LeaseGuard?,
        by caller: Caller,
        now: Moment
    ) -> Result<StoreAnswer, LeaseError>

    /// Issues a token without a lease.
    func issueToken(now: Moment) throws(LeaseError) -> Token

    /// Ends up to `limit` tenures whose time has come, or notes that they are overdue; returns whether there are more.
    func expire(now: Moment, limit: Int) -> Bool

    /// When time next changes a tenure, or `nil` if it changes none.
    func earliestDue() -> BootInstant?

    /// The tenure of a lease as decided so far, or `nil` if it is free; it may be past its end and not yet ended.
    func tenure(of name: LeaseName) -> Tenure?

    /// The leases whose tenures are tied, by their fences.
    var tiedLeases: [Token: LeaseName] { get }

    /// The leases whose tenures have ended since the last call or commit, in order; some may be held again.
    func takeFreed() -> [FreedLease]

    /// The last token that was issued or imported, if any; it may not be durable yet.
    var lastToken: Token? { get }

    /// Whether something was decided since the last commit.
    var hasBatch: Bool { get }

    /// Makes durable what was decided since the last call.
    func commit() throws(CommitFailure)

    /// Whether announcements of what becomes durable are made, for ``takeAnnouncements()``.
    var isWatched: Bool { get set }

    /// Takes the announcements of what the last ``commit()`` has made durable.
    func takeAnnouncements() -> [Announcement]

    /// How much of what is durable is not folded yet.
    var foldBacklog: Int64 { get }

    /// The sequence number of the last durable change.
    var lastDurableSequence: Int64 { get }

    /// The sequence number of the last folded change; each ``read(_:limits:completion:)`` has to read the later ones
    /// itself.
    var foldedThrough: Int64 { get }

    /// Folds a slice of up to `limit` rows between two turns; returns whether there is more.
    ///
    /// A paced slice is shorter if it would take long.
    func fold(limit: Int, isPaced: Bool) throws(CommitFailure) -> Bool

    /// Answers a query from the tables, off the event loop.
    func read(
        _ query: StoreQuery,
        limits: ListLimits,
        completion: @escaping @Sendable (Result<StoreListing, any Error>) -> Void
    )

    /// Whether the WAL is so long that no read may begin beside another: with a reader always there, it would grow
    /// forever.
    var isWALOverlong: Bool { get }

    /// Checkpoints all of the WAL that no read under way holds back.
    func checkpointWAL() throws(CommitFailure)

    /// Makes one round trip to the store, for the watchdog.
    func ping() throws(CommitFailure)

    var leaseCount: Int { get }

    var figures: StoreFigures { get }

    /// Applies limits that have changed.
    func apply(_ configuration: LedgerConfiguration)

    /// Folds what is left and closes the store.
    func close() throws(StoreError)

    /// Leaves the store as it is.
    func abandon()
}

extension Ledger: LeaseBackend {}
