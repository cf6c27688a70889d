/// The waiters on all leases, strictly first come, first served.
///
/// A pure state machine without a clock, driven by ``join(_:limits:)``, ``leave(_:)`` and ``first(for:)``. The caller
/// must remove waiters whose time is up or whose connection is gone before it grants anything. A request joins only
/// while its lease is held, or while others wait for it.
///
/// At most one waiter per lease has a given user and request id: a new one takes the place of the old one, since it is
/// the same caller, which has lost its connection.
package struct WaitLines: Sendable {
    /// How many may wait.
    package struct Limits: Hashable, Sendable {
        /// For one lease, over all users.
        package var perLease: Int
        /// For all leases.
        package var quota: Quota

        package init(perLease: Int, quota: Quota) {
            self.perLease = perLease
            self.quota = quota
        }
    }

    private struct Attempt: Hashable {
        let name: LeaseName
        let uid: UInt32
        let request: RequestID
    }

    private var lines: [LeaseName: WaitLine] = [:]
    private var waiters: [WaiterID: Waiter] = [:]
    private var attempts: [Attempt: WaiterID] = [:]
    private var counts = UserCounts()
    private var lastID: Int64 = 0

    package init() {}

    /// How many wait, for all leases.
    package var count: Int { counts.total }

    /// How many wait for a lease.
    package func count(for name: LeaseName) -> Int {
        lines[name]?.count ?? 0
    }

    /// How many wait for each lease that has waiters.
    package var countsByLease: [LeaseName: Int] {
        lines.mapValues(\.count)
    }

    /// A waiter, or `nil` if it has left.
    package subscript(id: WaiterID) -> Waiter? {
        waiters[id]
    }

    /// The next waiter to be granted the lease, or `nil` if there is none.
    package func first(for name: LeaseName) -> WaiterID? {
        lines[name]?.first
    }

    /// Adds a request at the end of its lease's line.
    ///
    /// - Returns: Its id, and the waiter whose place it has taken, if it repeats that one's request.
    /// - Throws: ``LeaseError/Code/busy`` if a limit is reached; nothing has changed then.
    package mutating func join(
        _ waiter: Waiter,
        limits: Limits
    ) throws(LeaseError) -> (id: WaiterID, replaced: WaiterID?) {
        let replaced = attempt(of: waiter).flatMap { attempts[$0] }
        if replaced == nil {
            try requireRoom(waiter, limits)
        }
        lastID += 1
        let id = WaiterID(rawValue: lastID)
        if let replaced {
            lines[waiter.name]?.replace(replaced, by: id)
            waiters[replaced] = nil
        } else {
            lines[waiter.name, default: WaitLine()].append(id)
            counts.add(waiter.caller.uid)
        }
        waiters[id] = waiter
        if let attempt = attempt(of: waiter) {
            attempts[attempt] = id
        }
        return (id, replaced)
    }

    /// Removes a waiter from its line: it was granted, its time is up, or it is gone.
    ///
    /// - Returns: The waiter, or `nil` if it had left already.
    @discardableResult
    package mutating func leave(_ id: WaiterID) -> Waiter? {
        guard let waiter = waiters.removeValue(forKey: id) else { return nil }
        lines[waiter.name]?.remove(id)
        if lines[waiter.name]?.count == 0 {
            lines[waiter.name] = nil
        }
        if let attempt = attempt(of: waiter) {
            attempts[attempt] = nil
        }
        counts.remove(waiter.caller.uid)
        return waiter
    }

    private func attempt(of waiter: Waiter) -> Attempt? {
        waiter.request.map { Attempt(name: waiter.name, uid: waiter.caller.uid, request: $0) }
    }

    private func requireRoom(_ waiter: Waiter, _ limits: Limits) throws(LeaseError) {
        let line = count(for: waiter.name)
        guard line < limits.perLease else {
            throw LeaseError(.busy, "\(line) wait for lease '\(waiter.name)', the most for one lease; try again later")
        }
        let uid = waiter.caller.uid
        switch limits.quota.overrun(of: waiter.caller, counts) {
        case .total:
            throw LeaseError(.busy, "\(count) are waiting, the most there may be; try again later")
        case .user:
            throw LeaseError(.busy, "uid \(uid) has \(counts[uid]) waiting, the most for one user; let some end first")
        case nil:
            break
        }
    }
}
