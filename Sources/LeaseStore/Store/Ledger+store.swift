package import LeaseCore

/// Values, prefixes and keys beside the leases.
///
/// Each request is decided on the tables and the leases in memory before it writes anything: a refused request is never
/// half done.
extension Ledger {
    /// Decides a request and writes its effects within the batch's transaction.
    ///
    /// The answer may be given out once ``commit()`` has returned. A refused request has changed nothing.
    ///
    /// - Parameter guard: A lease that must be held for the request to take effect; otherwise it is refused as
    ///   `EXPIRED`.
    package func perform(
        _ request: StoreRequest,
        if guard: LeaseGuard?,
        by caller: Caller,
        now: Moment
    ) -> Result<StoreAnswer, LeaseError> {
        Result { () throws(LeaseError) in
            if let `guard` {
                let check = LeaseRequest.check(token: `guard`.token)
                _ = try perform(check, on: `guard`.lease, by: caller, now: now).get()
            }
            return try answer(to: request, by: caller, now: now)
        }
    }

    private func answer(to request: StoreRequest, by caller: Caller, now: Moment) throws(LeaseError) -> StoreAnswer {
        let store = statements.store
        try permit(request, by: caller)
        switch request {
        case .put(let key, let value):
            try requireAllowedLength(of: value)
            try requireRoom(for: value.count)
            try write { try store.put(value, for: key) }
            return .done
        case .get(let key):
            return .value(try look { try store.value(of: key) })
        case .delete(let key):
            guard try look({ try store.kinds(of: key).contains(.simple) }) else { return .flag(false) }
            try write { try store.removeValue(of: key) }
            return .flag(true)
        case .append(let key, let child):
            guard try !look({ try store.contains(child, under: key) }) else {
                throw LeaseError(
                    .exists,
                    "the child '\(child)' is already under '\(key)'; append another, or remove it first"
                )
            }
            try requireRoom(for: 0)
            try write { try store.insert(child, under: key) }
            return .done
        case .contains(let key, let child):
            return .flag(try look { try store.contains(child, under: key) })
        case .removeChild(let key, let child):
            guard try look({ try store.contains(child, under: key) }) else { return .flag(false) }
            try write { try store.remove(child, under: key) }
            return .flag(true)
        case .removeKeys(let keys):
            return try removeKeys(keys, by: caller, now: now)
        case .importEntries(let entries):
            try importEntries(entries, by: caller, now: now)
            return .done
        }
    }

    /// Refuses what the caller has no right to.
    ///
    /// Called after the guard, so that an expired token is reported first.
    private func permit(_ request: StoreRequest, by caller: Caller) throws(LeaseError) {
        switch request {
        case .get(let key), .contains(let key, _):
            try caller.permit(.read, on: key)
        case .put(let key, _), .delete(let key), .append(let key, _), .removeChild(let key, _):
            try caller.permit(.write, on: key)
        case .removeKeys(let keys):
            for key in keys {
                try caller.permit(.write, on: key)
            }
        case .importEntries(let entries):
            for entry in entries where entry.value != nil || !entry.children.isEmpty {
                try caller.permit(.write, on: entry.key)
            }
        }
    }

    /// Refuses a value that is too long before anything is written: SQLite would roll back the whole turn.
    func requireAllowedLength(of value: [UInt8]) throws(LeaseError) {
        let most = configuration.maximumValueBytes
        guard value.count > most else { return }
        throw LeaseError(.tooBig, "a value has at most \(most) bytes, and this one \(value.count); split it")
    }

    // MARK: - Removing

    private func removeKeys(_ keys: [Key], by caller: Caller, now: Moment) throws(LeaseError) -> StoreAnswer {
        for key in keys {
            let name = LeaseName(key)
            guard let tenure = leases[name], tenure.ending(at: now.boot) == nil, !caller.mayAdminister(name) else {
                continue
            }
            if tenure.holder.uid != caller.uid {
                // The label is not for callers that may not see the lease.
                try caller.permit(.read, or: .acquire, on: name)
            }
            throw LeaseError(
                .denied,
                "uid \(caller.uid) may not remove key '\(key)', whose lease is held by '\(tenure.holder.owner)'; ask an administrator"
            )
        }
        let store = statements.store
        // A key that is named twice is looked at and removed once.
        var seen: Set<Key> = []
        let keys = keys.filter { seen.insert($0).inserted }
        let stored = try look { try Set(keys.filter { try !store.kinds(of: $0).isEmpty }) }
        let children = try countChildren(of: stored)
        if !stored.isEmpty {
            try write {
                for key in stored {
                    try store.removeAll(of: key)
                }
            }
        }
        var count = stored.count
        for key in keys {
            let name = LeaseName(key)
            endIfOver(name, now: now)
            guard let tenure = leases[name] else { continue }
            append(.lease(name, fence: tenure.fence, .ended(.removal)), now)
            count += stored.contains(key) ? 0 : 1
        }
        return .removed(keys: count, children: children)
    }

    /// How many children the keys have together, or 0 if that is not limited.
    ///
    /// - Throws: ``LeaseError/Code/tooBig`` if they are more than may be removed at once: others would wait for it.
    private func countChildren(of keys: Set<Key>) throws(LeaseError) -> Int {
        let most = configuration.maximumRemovedChildren
        // Without a limit, the number is not needed.
        guard most < .max else { return 0 }
        let store = statements.store
        let count = try look {
            var count = 0
            for key in keys where count <= most {
                count += try store.countChildren(of: key, upTo: most + 1 - count)
            }
            return count
        }
        guard count > most else { return count }
        throw LeaseError(
            .tooBig,
            "the keys have more than \(most) children, the most that are removed at once; name fewer keys, or remove children first (PREFIX REMOVE)"
        )
    }

    // MARK: - The file's size

    /// Refuses to make the file larger once it has reached its limit.
    ///
    /// - Parameter bytes: How much will be written. The file's size is read again only if this, with everything written
    ///   since it was last read, could reach the limit.
    func requireRoom(for bytes: Int) throws(LeaseError) {
        let limit = configuration.maximumFileBytes
        guard limit < .max else { return }
        takeRoom(for: bytes)
        guard roomToGrow < 0 else { return }
        let size = try look { try statements.usedBytes() }
        guard size < limit else {
            throw LeaseError(.busy, "the store has \(size) bytes, and \(limit) is its limit; remove keys, or raise it")
        }
        roomToGrow = limit - size
        takeRoom(for: bytes)
    }

    /// Accounts for a write: the file grows by no more than this.
    func takeRoom(for bytes: Int = 0) {
        // Each page of a long value begins with the number of the next.
        roomToGrow -= Int64(bytes + bytes / 512) + Self.mostPages
    }

    /// More bytes than a write can add by splitting pages in the trees of a key.
    private static let mostPages: Int64 = 64 * 4096
}
