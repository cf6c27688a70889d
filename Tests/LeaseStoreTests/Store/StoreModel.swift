import LeaseCore

@testable import LeaseStore

/// The content of a store in plain dictionaries: the oracle of the random tests.
struct StoreModel: Equatable {
    struct Lease: Equatable {
        var fence: Token
        var token: Token
        var end: BootInstant
    }

    var values: [Key: [UInt8]] = [:]
    var children: [Key: Set<Key>] = [:]
    var leases: [Key: Lease] = [:]

    /// The expected reply to the request; updates the model.
    mutating func perform(
        _ request: StoreRequest,
        if guard: LeaseGuard?,
        by caller: Caller,
        now: Moment
    ) -> Result<StoreAnswer, Refusal> {
        leases = leases.filter { $0.value.end > now.boot }
        if let `guard` {
            let lease = leases[Key(`guard`.lease)]
            guard lease?.fence == `guard`.token || lease?.token == `guard`.token else { return .failure(.expired) }
        }
        switch request {
        case .put(let key, let value):
            values[key] = value
            return .success(.done)
        case .get(let key):
            return .success(.value(values[key]))
        case .delete(let key):
            return .success(.flag(values.removeValue(forKey: key) != nil))
        case .append(let key, let child):
            return children[key, default: []].insert(child).inserted ? .success(.done) : .failure(.exists)
        case .contains(let key, let child):
            return .success(.flag(children[key]?.contains(child) ?? false))
        case .removeChild(let key, let child):
            let isThere = children[key]?.remove(child) != nil
            if children[key]?.isEmpty ?? false { children[key] = nil }
            return .success(.flag(isThere))
        case .removeKeys(let keys):
            guard caller.isAdministrator || keys.allSatisfy({ leases[$0] == nil }) else { return .failure(.denied) }
            var count = 0
            var removed = 0
            for key in keys {
                removed += children[key]?.count ?? 0
                count += kinds(of: key).isEmpty ? 0 : 1
                values[key] = nil
                children[key] = nil
                leases[key] = nil
            }
            return .success(.removed(keys: count, children: removed))
        case .importEntries(let entries):
            var copy = self
            for entry in entries {
                if let refusal = copy.merge(entry, by: caller, now: now) { return .failure(refusal) }
            }
            self = copy
            return .success(.done)
        }
    }

    private mutating func merge(_ entry: StoreEntry, by caller: Caller, now: Moment) -> Refusal? {
        if let value = entry.value { values[entry.key] = value }
        if !entry.children.isEmpty { children[entry.key, default: []].formUnion(entry.children) }
        guard let lease = entry.lease else { return nil }
        guard caller.isAdministrator else { return .denied }
        let left = lease.expiresAt.microseconds - now.wall.microseconds
        guard left > 0 else { return nil }
        let fence = lease.fence ?? lease.token
        if let held = leases[entry.key], held.fence != fence { return .conflict }
        let end = BootInstant(nanoseconds: now.boot.nanoseconds + left * 1000)
        leases[entry.key] = Lease(fence: fence, token: lease.token, end: end)
        return nil
    }

    /// Why a request is refused.
    enum Refusal: Error, Equatable {
        case expired, exists, denied, conflict
    }

    // MARK: - What lists show

    func kinds(of key: Key) -> [KeyKind] {
        var kinds: [KeyKind] = []
        if values[key] != nil { kinds.append(.simple) }
        if children[key]?.isEmpty == false { kinds.append(.prefix) }
        if leases[key] != nil { kinds.append(.lease) }
        return kinds
    }

    /// All keys that have anything, in order.
    var keys: [Key] {
        Set(values.keys).union(children.keys).union(leases.keys).filter { !kinds(of: $0).isEmpty }.sorted()
    }

    /// The keys in a ring interval, by hash and key.
    func keys(after low: UInt64, through high: UInt64, by hash: KeyHash) -> [Key] {
        keys.map { (hash: hash.function($0.bytes), key: $0) }
            .filter { low < high ? $0.hash > low && $0.hash <= high : $0.hash > low || $0.hash <= high }
            .sorted { ($0.hash, $0.key) < ($1.hash, $1.key) }
            .map(\.key)
    }
}

extension Result where Failure == LeaseError {
    /// The refusal as the model names it.
    var modelled: Result<Success, StoreModel.Refusal> {
        mapError { error in
            switch error.code {
            case .expired: .expired
            case .exists: .exists
            case .denied: .denied
            case .conflict: .conflict
            default: fatalError("\(error)")
            }
        }
    }
}
