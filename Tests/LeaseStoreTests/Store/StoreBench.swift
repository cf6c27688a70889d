import GRDB
import LeaseCore

@testable import LeaseStore

/// A ledger in a temporary folder, with the requests and reads that tests of the store need.
final class StoreBench {
    static let root = Caller(uid: 0, gid: 0, pid: 1, isAdministrator: true)
    static let user = Caller(uid: 1000, gid: 1000, pid: 100, isAdministrator: false)

    let folder: StoreFolder
    let clock = ManualClock()
    private(set) var ledger: Ledger

    init(in folder: StoreFolder? = nil, configuration: LedgerConfiguration = LedgerConfiguration()) throws {
        self.folder = try folder ?? StoreFolder()
        var configuration = configuration
        // With a limit, the children of removed keys are counted.
        configuration.maximumRemovedChildren = min(configuration.maximumRemovedChildren, 1_000_000)
        ledger = try Ledger(path: self.folder.store, configuration: configuration, clock: clock)
    }

    deinit {
        ledger.abandon()
    }

    @discardableResult
    func ask(
        _ request: StoreRequest,
        if condition: LeaseGuard? = nil,
        by caller: Caller = root
    ) throws -> StoreAnswer {
        try ledger.perform(request, if: condition, by: caller, now: clock.now()).get()
    }

    /// The code that the request is refused with, or `nil` if it is not.
    func refusal(
        _ request: StoreRequest,
        if condition: LeaseGuard? = nil,
        by caller: Caller = root
    ) -> LeaseError.Code? {
        guard case .failure(let error) = ledger.perform(request, if: condition, by: caller, now: clock.now())
        else { return nil }
        return error.code
    }

    @discardableResult
    func acquire(_ key: Key, ttl: TTL = .max, by caller: Caller = root) throws -> Token? {
        let request = LeaseRequest.acquire(ttl: ttl, owner: .empty, request: nil)
        let answer = try ledger.perform(request, on: LeaseName(key), by: caller, now: clock.now()).get()
        guard case .token(let token) = answer else { return nil }
        return token
    }

    /// Ends what is due, commits and folds, as before a list.
    func settle() throws {
        _ = ledger.expire(now: clock.now(), limit: .max)
        try ledger.commit()
        while try ledger.fold(limit: 1000) {}
    }

    /// What the tables show.
    func read<Value>(_ body: (StoreReader) throws -> Value) throws -> Value {
        try ledger.file.pool.read {
            try body(StoreReader($0, keyHash: ledger.configuration.keyHash, limits: .none))
        }
    }

    func entries(of keys: [Key]) throws -> [StoreEntry] {
        let now = clock.now()
        return try read { try $0.entries(of: keys, at: now) }
    }

    /// All keys with their kinds, settled.
    func everything() throws -> [String: [KeyKind]] {
        try settle()
        let keys = try read { try $0.trackedKeys(prefix: [], after: nil, count: .max) }
        return Dictionary(uniqueKeysWithValues: keys.map { ($0.key.description, $0.kinds) })
    }

    /// Makes the process die and start again.
    func restart() throws {
        let configuration = ledger.configuration
        ledger.abandon()
        ledger = try Ledger(path: folder.store, configuration: configuration, clock: clock)
    }
}
