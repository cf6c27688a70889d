import LeaseCore
import LeaseStore

/// What the engine needs of a store: requests decided now, made durable together at the end of the turn.
///
/// The seam between the engine and what it runs on. Everything is called from the engine's isolation alone. Answers may
/// leave the engine after ``commit()`` has returned, and not before.
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

    /// Ends up to `limit` tenures whose time has come, or notes that they are overdue, and tells whether there are more.
    func expire(now: Moment, limit: Int) -> Bool

    /// When time next does something to a tenure, or `nil` if it does nothing to any.
    func earliestDue() -> BootInstant?

    /// The tenure of a lease as decided so far, or `nil` if it is free; it may be past its end and not yet ended.
    func tenure(of name: LeaseName) -> Tenure?

    /// The leases whose tenures are tied, by their fences.
    var tiedLeases: [Token: LeaseName] { get }

    /// The leases whose tenures have ended since the last call or commit, in order; some may be held again.
    func takeFreed() -> [FreedLease]

    /// The last token that was issued or brought in, if one was; it may not be durable yet.
    var lastToken: Token? { get }

    /// Whether something was decided since the last commit.
    var hasBatch: Bool { get }

    /// Makes durable what was decided since the last call.
    func commit() throws(CommitFailure)

    /// Whether ``takeAnnouncements()`` is to have what becomes durable.
    var isWatched: Bool { get set }

    /// Takes what whoever watches is to be told: what the last ``commit()`` has made durable.
    func takeAnnouncements() -> [Announcement]

    /// How much of what is durable is not folded yet.
    var foldBacklog: Int64 { get }

    /// The place of the last thing that is durable.
    var lastDurableSequence: Int64 { get }

    /// The place of the last thing that is folded; what is behind it, each ``read(_:limits:completion:)`` has to read
    /// anew.
    var foldedThrough: Int64 { get }

    /// Folds a slice of up to `limit` rows between two turns, and tells whether there is more; one that is paced is
    /// shorter where it would take long.
    func fold(limit: Int, isPaced: Bool) throws(CommitFailure) -> Bool

    /// Answers a query from the tables, beside the loop.
    func read(
        _ query: StoreQuery,
        limits: ListLimits,
        completion: @escaping @Sendable (Result<StoreListing, any Error>) -> Void
    )

    /// Whether the store's log is so long that no read is to begin beside another: with one always there it would never
    /// end.
    var isWALOverlong: Bool { get }

    /// Carries all of the log over that no read under way holds back.
    func checkpointWAL() throws(CommitFailure)

    /// Goes to the store and back, for the watchdog.
    func ping() throws(CommitFailure)

    /// How many leases are in force.
    var leaseCount: Int { get }

    /// The store's figures.
    var figures: StoreFigures { get }

    /// Takes over limits that have changed.
    func apply(_ configuration: LedgerConfiguration)

    /// Folds what is left and closes the store.
    func close() throws(StoreError)

    /// Leaves the store as it is.
    func abandon()
}

extension Ledger: LeaseBackend {}
