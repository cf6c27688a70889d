import LeaseCore
import Testing

@testable import LeaseServer
@testable import LeaseStore

/// A store that does what the test says, and records the calls.
///
/// It grants every lease, and fails commits, folds and pings while told to. Reads wait until the test lets them
/// continue.
final class ScriptedBackend: LeaseBackend {
    /// The engine's calls; `replied` is added by the test's connections.
    enum Call: Equatable {
        case perform(String)
        case token
        case expire(Int)
        case commit(Int)
        case fold
        case read
        case checkpointWAL
        case ping
        case close
        case abandon
        case replied
    }

    var calls: [Call] = []
    var commitFailure: CommitFailure?
    var foldFailure: CommitFailure?
    var pingFailure: CommitFailure?

    /// When tenures end, in order.
    var ends: [BootInstant] = []
    private var endsBeforeBatch: [BootInstant] = []
    /// What the next commit announces.
    var announcing: [Announcement] = []
    private var announced: [Announcement] = []
    var isWatched = false
    /// The number of decisions that are not committed.
    private(set) var batch = 0
    private var lastNumber: Int64 = 100

    private(set) var lastDurableSequence: Int64 = 0
    private(set) var foldedThrough: Int64 = 0
    /// The most rows that one fold folds, if that is less than it is asked for.
    var foldStep = Int64.max

    typealias Read = @Sendable (Result<StoreListing, any Error>) -> Void
    private(set) var queries: [StoreQuery] = []
    private(set) var listLimits: [ListLimits] = []
    /// The pages of leases that were requested.
    var pages: [LeasePage] {
        queries.compactMap { if case .leases(let page) = $0 { page } else { nil } }
    }
    /// The conditions that came with requests on values.
    private(set) var guards: [LeaseGuard?] = []
    /// Whether a request with a condition is refused.
    var isGuardOver = false
    /// The keys in the store; only their presence matters.
    private var values: [Key: [UInt8]] = [:]
    private(set) var reads: [Read] = []

    private(set) var applied: LedgerConfiguration?

    // MARK: - Deciding

    func perform(
        _ request: LeaseRequest,
        on name: LeaseName,
        by caller: Caller,
        now: Moment
    ) -> Result<LeaseAnswer, LeaseError> {
        calls.append(.perform("\(name)"))
        switch request {
        case .acquire, .renew:
            note()
            lastNumber += 1
            return .success(.token(Token(rawValue: lastNumber)!))
        case .release:
            note()
            return .success(.released)
        default:
            return .success(.tenure(nil))
        }
    }

    func perform(
        _ request: StoreRequest,
        if guard: LeaseGuard?,
        by caller: Caller,
        now: Moment
    ) -> Result<StoreAnswer, LeaseError> {
        guards.append(`guard`)
        if `guard` != nil, isGuardOver {
            return .failure(LeaseError(.expired, "the tenure is over"))
        }
        switch request {
        case .put(let key, let value):
            calls.append(.perform("\(key)"))
            note()
            values[key] = value
            return .success(.done)
        case .get(let key):
            return .success(.value(values[key]))
        case .append:
            note()
            return .success(.done)
        default:
            return .success(.flag(false))
        }
    }

    func issueToken(now: Moment) throws(LeaseError) -> Token {
        calls.append(.token)
        note()
        lastNumber += 1
        return Token(rawValue: lastNumber)!
    }

    func expire(now: Moment, limit: Int) -> Bool {
        let due = ends.prefix { $0 <= now.boot }.prefix(limit)
        guard !due.isEmpty else { return false }
        note(due.count)
        calls.append(.expire(due.count))
        ends.removeFirst(due.count)
        return ends.first.map { $0 <= now.boot } ?? false
    }

    func earliestDue() -> BootInstant? { ends.first }

    func tenure(of name: LeaseName) -> Tenure? { nil }

    var tiedLeases: [Token: LeaseName] { [:] }

    var lastToken: Token? { Token(rawValue: lastNumber) }

    func takeFreed() -> [FreedLease] { [] }

    private func note(_ count: Int = 1) {
        if batch == 0 { endsBeforeBatch = ends }
        batch += count
    }

    // MARK: - Committing and folding

    var hasBatch: Bool { batch > 0 }

    func commit() throws(CommitFailure) {
        guard hasBatch else { return }
        calls.append(.commit(batch))
        if let commitFailure {
            if case .refused = commitFailure {
                ends = endsBeforeBatch
                batch = 0
            }
            throw commitFailure
        }
        lastDurableSequence += Int64(batch)
        batch = 0
        announced += isWatched ? announcing : []
        announcing = []
    }

    func takeAnnouncements() -> [Announcement] {
        #expect(!hasBatch, "announcements before their commit")
        defer { announced = [] }
        return announced
    }

    var foldBacklog: Int64 { lastDurableSequence - foldedThrough }

    func fold(limit: Int, isPaced: Bool) throws(CommitFailure) -> Bool {
        // The real store stops the process here.
        #expect(!hasBatch, "a fold in the middle of a batch")
        #expect(!calls.contains(.abandon) && !calls.contains(.close), "a fold of a store that is closed")
        calls.append(.fold)
        if let foldFailure { throw foldFailure }
        foldedThrough += min(Int64(limit), foldStep, foldBacklog)
        return foldBacklog > 0
    }

    /// Adds rows to the journal, as if earlier turns had written them.
    func addBacklog(_ count: Int64) {
        lastDurableSequence += count
    }

    // MARK: - Reading

    func read(_ query: StoreQuery, limits: ListLimits, completion: @escaping Read) {
        #expect(!hasBatch, "a list that lacks what has been decided")
        calls.append(.read)
        queries.append(query)
        listLimits.append(limits)
        reads.append(completion)
    }

    /// Lets the next read end.
    func endRead(_ result: Result<[(name: LeaseName, tenure: Tenure)], StoreError> = .success([])) {
        reads.removeFirst()(result.map { .leases($0) }.mapError { $0 })
    }

    var isWALOverlong = false

    func checkpointWAL() throws(CommitFailure) {
        calls.append(.checkpointWAL)
    }

    func ping() throws(CommitFailure) {
        calls.append(.ping)
        if let pingFailure { throw pingFailure }
    }

    // MARK: - Beside

    var leaseCount: Int { ends.count }

    var figures: StoreFigures {
        StoreFigures(
            path: "scripted",
            leases: leaseCount,
            lastToken: Token(rawValue: lastNumber),
            tokenLead: .zero,
            sequence: lastDurableSequence,
            foldBacklog: foldBacklog,
            historyRows: 0,
            keyHash: "xxh64",
            fileBytes: 0,
            usedBytes: 0,
            walBytes: 0
        )
    }

    func apply(_ configuration: LedgerConfiguration) { applied = configuration }

    func close() throws(StoreError) { calls.append(.close) }

    func abandon() { calls.append(.abandon) }
}
