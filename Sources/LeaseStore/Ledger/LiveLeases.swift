import HeapModule
import LeaseCore

/// A lease that is held, with its name.
typealias HeldLease = (name: LeaseName, state: LeaseState)

/// The leases in force, in memory: by name, by the instant at which time next affects them, and counted by user.
///
/// These instants are in a lazily cleaned heap. Every tenure with one has at least one entry no later than it, so the
/// minimum is never too late. A renewal leaves its old entry; a stale entry is dropped or moved when it surfaces, and
/// the heap is rebuilt when it exceeds twice the leases by 1024 entries.
struct LiveLeases {
    private struct Due: Comparable {
        let instant: BootInstant
        let name: LeaseName

        static func < (left: Due, right: Due) -> Bool { left.instant < right.instant }
        static func == (left: Due, right: Due) -> Bool { left.instant == right.instant }
    }

    private var held: [LeaseName: LeaseState] = [:]
    private var dues = Heap<Due>()
    private(set) var counts = UserCounts()

    init() {}

    /// Collects the held leases while a store is opened and more of them are read.
    struct Intake {
        private var held: [LeaseName: LeaseState] = [:]
        private var dues: [Due] = []
        private var counts = UserCounts()

        /// Starts empty, with room for `count` leases.
        init(expecting count: Int) {
            held.reserveCapacity(count)
            dues.reserveCapacity(count)
        }

        /// Adds leases; each name comes once.
        mutating func add(_ leases: [HeldLease]) {
            // Everything needed from a tenure is read while it is at hand: a later pass in the dictionary's order would
            // jump through memory.
            for (name, state) in leases {
                held[name] = state
                if let due = state.tenure.due { dues.append(Due(instant: due, name: name)) }
                counts.add(state.tenure.holder.uid)
            }
        }

        consuming func finish() -> LiveLeases {
            LiveLeases(held: held, dues: Heap(dues), counts: counts)
        }
    }

    private init(held: [LeaseName: LeaseState], dues: Heap<Due>, counts: UserCounts) {
        self.held = held
        self.dues = dues
        self.counts = counts
    }

    var count: Int { held.count }

    /// How many entries the heap has, stale ones included.
    var heapCount: Int { dues.count }

    /// All leases, in no order.
    var all: some Sequence<(name: LeaseName, tenure: Tenure)> {
        held.lazy.map { (name: $0.key, tenure: $0.value.tenure) }
    }

    /// The tenure of a lease, or `nil` if it is free.
    subscript(name: LeaseName) -> Tenure? {
        held[name]?.tenure
    }

    /// Sets the state of a lease; `nil` makes it free.
    mutating func set(_ state: LeaseState?, for name: LeaseName) {
        let before = held[name]
        held[name] = state
        note(LeaseChange(name: name, before: before, after: state))
    }

    /// Applies a journal row to a lease.
    ///
    /// - Parameters:
    ///   - sequence: The row's sequence number.
    ///   - body: Turns the present tenure, if any, into what the row leaves. If it throws, nothing has changed.
    mutating func change(
        _ name: LeaseName,
        by sequence: Int64,
        _ body: (inout Tenure?) throws -> Void
    ) rethrows -> LeaseChange {
        func change(_ state: inout LeaseState?) throws -> LeaseChange {
            let before = state
            var tenure = before?.tenure
            try body(&tenure)
            state = tenure.map { LeaseState(tenure: $0, sequence: sequence) }
            return LeaseChange(name: name, before: before, after: state)
        }
        // One lookup for reading and writing.
        let change = try change(&held[name])
        note(change)
        return change
    }

    private mutating func note(_ change: LeaseChange) {
        let (before, after) = (change.before?.tenure, change.after?.tenure)
        if let due = after?.due, before?.due.map({ due < $0 }) ?? true {
            dues.insert(Due(instant: due, name: change.name))
        }
        count(after?.holder.uid, instead: before?.holder.uid)
        if dues.count > 2 * held.count + 1024 {
            buildHeap()
        }
    }

    private mutating func buildHeap() {
        dues = Heap(all.compactMap { name, tenure in tenure.due.map { Due(instant: $0, name: name) } })
    }

    private mutating func count(_ uid: UInt32?, instead previous: UInt32?) {
        guard uid != previous else { return }
        if let uid { counts.add(uid) }
        if let previous { counts.remove(previous) }
    }

    /// The lease that time affects first, with that instant, or `nil` if there is none.
    mutating func earliestDue() -> (instant: BootInstant, name: LeaseName)? {
        while let first = dues.min {
            guard let due = held[first.name]?.tenure.due else {
                dues.removeMin()
                continue
            }
            if due <= first.instant {
                return (due, first.name)
            }
            dues.removeMin()
            dues.insert(Due(instant: due, name: first.name))
        }
        return nil
    }
}
