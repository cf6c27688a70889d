import HeapModule
import LeaseCore

/// A lease that is held, with its name.
typealias HeldLease = (name: LeaseName, state: LeaseState)

/// The leases in force, in memory: by name, by the instant at which time next does something to them, and counted by
/// user.
///
/// These instants stand in a heap that is cleaned late. Each tenure that has one has at least one entry at or before
/// it, so that the heap never shows an instant too late; a renewal, which moves it later, leaves its entry where it is.
/// An entry that comes up and no longer tells its tenure's instant is thrown away, or moved to it. When more than half
/// of the heap is such left-overs, it is built anew, so that it stays in proportion to the leases.
struct LiveLeases {
    private struct Due: Comparable {
        let instant: BootInstant
        let name: LeaseName

        static func < (left: Due, right: Due) -> Bool { left.instant < right.instant }
        static func == (left: Due, right: Due) -> Bool { left.instant == right.instant }
    }

    private var held: [LeaseName: LeaseState] = [:]
    private var dues = Heap<Due>()
    /// How many leases each user was granted.
    private(set) var counts = UserCounts()

    /// No lease.
    init() {}

    /// The leases that are held when a store is opened, put in their places while more of them are read.
    struct Intake {
        private var held: [LeaseName: LeaseState] = [:]
        private var dues: [Due] = []
        private var counts = UserCounts()

        /// None yet; there is room for `count` without moving any.
        init(expecting count: Int) {
            held.reserveCapacity(count)
            dues.reserveCapacity(count)
        }

        /// Takes in some; each name comes once.
        mutating func add(_ leases: [HeldLease]) {
            // All that is asked of a tenure is asked while it is at hand: in the dictionary's order each is far from the
            // one before.
            for (name, state) in leases {
                held[name] = state
                if let due = state.tenure.due { dues.append(Due(instant: due, name: name)) }
                counts.add(state.tenure.holder.uid)
            }
        }

        /// All that were taken in.
        consuming func finish() -> LiveLeases {
            LiveLeases(held: held, dues: Heap(dues), counts: counts)
        }
    }

    private init(held: [LeaseName: LeaseState], dues: Heap<Due>, counts: UserCounts) {
        self.held = held
        self.dues = dues
        self.counts = counts
    }

    /// How many leases are in force.
    var count: Int { held.count }

    /// How many entries the heap has, left-overs included.
    var heapCount: Int { dues.count }

    /// All of them, in no order.
    var all: some Sequence<(name: LeaseName, tenure: Tenure)> {
        held.lazy.map { (name: $0.key, tenure: $0.value.tenure) }
    }

    /// The tenure of a lease, or `nil` if it is free.
    subscript(name: LeaseName) -> Tenure? {
        held[name]?.tenure
    }

    /// Puts a state in place of the one there, or makes the lease free with `nil`.
    mutating func set(_ state: LeaseState?, for name: LeaseName) {
        let before = held[name]
        held[name] = state
        note(LeaseChange(name: name, before: before, after: state))
    }

    /// Lets a row of the journal happen to a lease.
    ///
    /// - Parameters:
    ///   - sequence: the row's place.
    ///   - body: makes of the tenure that is there, or of none, what the row leaves. If it throws, nothing has happened.
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
        // The place is looked for once.
        let change = try change(&held[name])
        note(change)
        return change
    }

    /// Brings the heap and the counts up to date.
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

    /// The lease to which time does something first, with that instant, or `nil` if there is none.
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
