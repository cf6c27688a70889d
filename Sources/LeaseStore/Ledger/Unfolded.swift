import DequeModule
import LeaseCore

/// The durable journal rows that the tables lack, in memory.
///
///     journal   ─────────── folded_through ┤ row │ row │ row │ … ├ last durable row
///     tables    ───────────────────────────┘
///
/// The rows about one tenure form a chain: each knows the one before and the one after it. A slice of rows amounts to
/// the last state of each chain within it, so folding reads nothing back.
///
/// A tenure whose end is among these rows is **past**. No slice inserts it into the table, even if the slice ends
/// inside it: a start that finds rows of a tenure missing from the table knows that its end follows (``PastTenures``).
/// If the table already has it, the row stays until its end is folded. So short tenures cost folding almost nothing,
/// and their rows take little memory.
///
/// The owner of the ledger decides when to fold: once there are many rows, with shorter pauses the more there are. At a
/// start these are the rows that the last process left.
struct Unfolded {
    /// What folding needs to know of a journal row.
    struct Row {
        let sequence: Int64
        let isHistory: Bool
        /// The token that it issued or imported, if any.
        let token: Token?
        /// What it did to a lease, if anything.
        let change: LeaseChange?
    }

    /// What is known of each row, without references.
    private struct Fact {
        let token: Token?
        let isHistory: Bool
        /// The sequence number of the previous row about the same tenure, or 0.
        let previous: Int64
        /// The sequence number of the next row about the same tenure, or 0.
        var next: Int64 = 0
        /// Whether the table holds the tenure.
        var isInTable: Bool
        /// Whether the row is about a past tenure and is not its end.
        var isPast = false
        let isEnd: Bool
        /// Whether the row leaves its lease held.
        let isHeld: Bool
    }

    /// The state in which a row left its lease.
    private struct Effect {
        let name: LeaseName
        let tenure: Tenure?
    }

    /// A sequence number that no row has.
    private static let nowhere: Int64 = 0

    private var first: Int64 = 1
    private var facts: Deque<Fact> = []
    /// The effect of each row, or `nil` if no slice writes it.
    private var effects: Deque<Effect?> = []

    var count: Int { facts.count }

    /// Starts with no rows.
    ///
    /// - Parameter foldedThrough: The sequence number before the first row to come.
    mutating func begin(behind foldedThrough: Int64) {
        first = foldedThrough + 1
        facts = []
        effects = []
    }

    private func index(_ sequence: Int64) -> Int? {
        sequence >= first ? Int(sequence - first) : nil
    }

    /// Appends the next row, which has become durable.
    mutating func append(_ row: Row) {
        precondition(row.sequence == first + Int64(facts.count), "rows that are to be folded have no gap")
        let before = row.change?.before
        let previous = before?.sequence ?? Self.nowhere
        let previousIndex = before == nil ? nil : index(previous)
        let isEnd = before != nil && row.change?.after == nil
        let fact = Fact(
            token: row.token,
            isHistory: row.isHistory,
            previous: previous,
            isInTable: previousIndex.map { facts[$0].isInTable } ?? (before != nil),
            isEnd: isEnd,
            isHeld: row.change?.after != nil
        )
        if let previousIndex {
            facts[previousIndex].next = row.sequence
        }
        facts.append(fact)
        if isEnd {
            pass(previous)
        }
        // The end of a tenure that the table lacks has no effect.
        let comesToSomething = fact.isHeld || fact.isInTable
        effects.append(comesToSomething ? row.change.map { Effect(name: $0.name, tenure: $0.after?.tenure) } : nil)
    }

    /// Marks this row and the ones before it in its chain as rows of a past tenure.
    private mutating func pass(_ sequence: Int64) {
        var sequence = sequence
        while let index = index(sequence), !facts[index].isPast {
            facts[index].isPast = true
            effects[index] = nil
            sequence = facts[index].previous
        }
    }

    // MARK: - Slices

    /// The sum of a number of rows, to be folded in one transaction.
    struct Slice {
        var rowCount = 0
        /// How many leases the table gains, changes or loses.
        var writes = 0
        var historyCount: Int64 = 0
        /// The sequence numbers of the rows that are not history.
        var passing: [Int64] = []
        /// The highest token that the rows issued or imported.
        var lastToken: Token?
    }

    func extend(_ slice: inout Slice, by most: Int) {
        for index in slice.rowCount..<min(slice.rowCount + most, facts.count) {
            let fact = facts[index]
            if let token = fact.token {
                // An imported token may be lower than an earlier one.
                slice.lastToken = max(token, slice.lastToken ?? token)
            }
            if fact.isHistory {
                slice.historyCount += 1
            } else {
                slice.passing.append(first + Int64(index))
            }
            slice.writes += writes(fact)
            slice.rowCount += 1
        }
    }

    /// How many more leases a slice writes because of this row.
    private func writes(_ fact: Fact) -> Int {
        if fact.isEnd { return fact.isInTable ? 1 : 0 }
        guard fact.isHeld, !fact.isPast else { return 0 }
        // If the row before it is in the slice, this one is written instead.
        return fact.previous >= first ? 0 : 1
    }

    /// Calls `body` for each lease whose table row the first `count` rows change, in their order.
    func forEachWrite(
        _ count: Int,
        _ body: (_ name: LeaseName, _ tenure: Tenure?, _ isInTable: Bool) throws -> Void
    ) rethrows {
        let last = first + Int64(count) - 1
        for index in 0..<count {
            let fact = facts[index]
            guard fact.next == Self.nowhere || fact.next > last, let effect = effects[index] else { continue }
            try body(effect.name, effect.tenure, fact.isInTable)
        }
    }

    /// Removes the first `count` rows, which have been folded.
    mutating func removeFirst(_ count: Int) {
        let last = first + Int64(count) - 1
        for index in 0..<count where !facts[index].isPast && facts[index].next > last {
            // The table now holds the tenures of these rows. Later rows are marked up to the first that is marked
            // already: a tenure that is renewed endlessly is walked once, not with each slice.
            var next = facts[index].next
            while let index = self.index(next), !facts[index].isInTable {
                facts[index].isInTable = true
                next = facts[index].next
            }
        }
        facts.removeFirst(count)
        effects.removeFirst(count)
        first += Int64(count)
        if facts.isEmpty {
            // Gives back the memory of a long backlog.
            facts = []
            effects = []
        }
    }
}

extension Unfolded.Row {
    /// Creates the row of a journal entry.
    ///
    /// - Parameter change: What the entry did to a lease, if anything.
    init(_ entry: JournalEntry, _ change: LeaseChange?) {
        self.init(
            sequence: entry.sequence,
            isHistory: entry.isHistory,
            token: entry.issuedToken,
            change: change
        )
    }
}

struct LeaseChange {
    let name: LeaseName
    /// The state before, or `nil` if the lease was free.
    let before: LeaseState?
    /// The state after, or `nil` if the lease is free.
    let after: LeaseState?
}

/// The state of a held lease, as a journal row left it.
struct LeaseState {
    let tenure: Tenure
    /// The row's sequence number; 0 if the state was read from the table.
    let sequence: Int64
}

/// The tenures that journal rows mention and the table lacks, since they were past when it was written.
///
/// Their ends are among the rows. If one is missing, the file is damaged.
struct PastTenures {
    /// The fence of the past tenure that each lease is in.
    private var fences: [LeaseName: Token] = [:]

    /// Whether an entry belongs to such a tenure: its lease is free, and it does not begin a tenure.
    mutating func take(_ entry: JournalEntry, on tenure: Tenure?) -> Bool {
        guard tenure == nil, case .lease(let name, let fence, let event) = entry.content else { return false }
        switch event {
        case .granted:
            return false
        case .imported:
            // It replaces such a tenure, or begins one.
            return fences[name] == fence
        case .ended:
            return fences.removeValue(forKey: name) ?? fence == fence
        case .renewed, .attached, .overdue, .revoking, .resumed:
            return fences.updateValue(fence, forKey: name) ?? fence == fence
        }
    }

    /// Whether all have ended.
    var haveEnded: Bool { fences.isEmpty }
}
