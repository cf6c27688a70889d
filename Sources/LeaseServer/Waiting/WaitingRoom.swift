import HeapModule
import LeaseCore

/// Who waits, on which connection, and until when: the lines of ``LeaseCore/WaitLines`` with sessions and deadlines.
///
/// The deadlines are in a heap that is cleaned lazily: that of a waiter that has left is removed when it comes up, or
/// when the heap has over 1024 more than twice as many deadlines as there are waiters.
struct WaitingRoom {
    private struct End: Comparable {
        let instant: BootInstant
        let id: WaiterID

        static func < (left: End, right: End) -> Bool { (left.instant, left.id) < (right.instant, right.id) }
    }

    private(set) var lines = WaitLines()
    /// How many deadlines the heap has, leftovers included.
    var endCount: Int { ends.count }
    private var sessions: [WaiterID: SessionID] = [:]
    private var ends = Heap<End>()
    /// The deadlines that are set aside.
    private var heldEnds: [End] = []

    /// Puts a session's request in line.
    ///
    /// - Returns: The waiter's number, and the session whose place it has taken, if any.
    /// - Throws: ``LeaseError/Code/busy`` if a limit is reached; nothing has changed then.
    mutating func join(
        _ waiter: Waiter,
        _ session: SessionID,
        limits: WaitLines.Limits
    ) throws(LeaseError) -> (id: WaiterID, replaced: SessionID?) {
        let (id, replaced) = try lines.join(waiter, limits: limits)
        sessions[id] = session
        if let end = waiter.end {
            ends.insert(End(instant: end, id: id))
            trimEnds()
        }
        return (id, replaced.flatMap { sessions.removeValue(forKey: $0) })
    }

    /// The connection that a waiter waits on, or `nil` if it has left.
    func session(of id: WaiterID) -> SessionID? { sessions[id] }

    /// Removes a waiter: it was granted, its time is up, or its connection is gone.
    @discardableResult
    mutating func leave(_ id: WaiterID) -> (waiter: Waiter, session: SessionID)? {
        guard let waiter = lines.leave(id), let session = sessions.removeValue(forKey: id) else { return nil }
        trimEnds()
        return (waiter, session)
    }

    private mutating func trimEnds() {
        guard ends.count > 2 * lines.count + 1024 else { return }
        ends = Heap(ends.unordered.filter { lines[$0.id] != nil })
    }

    /// Sets the earliest deadline aside until ``restoreEnds()``: its waiter has been granted, pending the commit.
    mutating func holdEarliestEnd() {
        if let end = ends.popMin() { heldEnds.append(end) }
    }

    /// Puts back the deadlines that were set aside; those of waiters that have left since mean nothing.
    mutating func restoreEnds() {
        ends.insert(contentsOf: heldEnds)
        heldEnds = []
    }

    /// The waiter whose wait ends first, with that instant, or `nil` if none ends by time.
    mutating func earliestEnd() -> (instant: BootInstant, id: WaiterID)? {
        while let first = ends.min {
            guard lines[first.id] != nil else {
                ends.removeMin()
                continue
            }
            return (first.instant, first.id)
        }
        return nil
    }
}
