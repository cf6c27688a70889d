import DequeModule
import LeaseCore

/// The journal's rows that the tables lack, in memory: what is to be folded.
///
///     journal   ─────────── folded_through ┤ row │ row │ row │ … ├ last durable row
///     tables    ───────────────────────────┘
///
/// The rows about one tenure are a chain: each knows the one before it and the one behind it. What a slice of rows comes to
/// is the last state of each chain within it, so that folding reads nothing back.
///
/// A tenure whose end is among the rows, too, is **past**. No slice writes it, also if it begins in the slice and ends
/// behind it: a start that finds rows about a tenure which the table lacks knows that its end follows (``PastTenures``). If
/// the table holds it, it stays as it is until the row of its end removes it. So a tenure that was short costs folding next to
/// nothing, and of its rows next to nothing is kept.
///
/// Folding begins at a number of rows (`Schedule.foldBacklog`) and pauses the less the more there are
/// (`Schedule.pauseFolding`); at a start there is what the last daemon left.
struct Unfolded {
    /// A row of the journal, as far as folding is concerned.
    struct Row {
        let sequence: Int64
        let isHistory: Bool
        /// The token that it issued or brought in, if it did.
        let token: Token?
        /// What it did to a lease, if it did something.
        let change: LeaseChange?
    }

    /// What is known of each row without a reference to anything.
    private struct Fact {
        let token: Token?
        let isHistory: Bool
        /// The place of the row before it that is about the same tenure, if there is one.
        let previous: Int64
        /// The place of the row behind it that is about the same tenure, if there is one.
        var next: Int64 = 0
        /// Whether the table holds the tenure.
        var isInTable: Bool
        /// Whether the row is about a tenure that is past, and is not its end.
        var isPast = false
        /// Whether the row ends a tenure.
        let isEnd: Bool
        /// Whether the row leaves its lease held.
        let isHeld: Bool
    }

    /// What a row has made of its lease.
    private struct Effect {
        let name: LeaseName
        let tenure: Tenure?
    }

    /// A place that no row has.
    private static let nowhere: Int64 = 0

    private var first: Int64 = 1
    private var facts: Deque<Fact> = []
    /// Of each row, if it may come to something.
    private var effects: Deque<Effect?> = []

    /// How many rows there are.
    var count: Int { facts.count }

    /// Begins with no row.
    ///
    /// - Parameter foldedThrough: the place before the first row that comes.
    mutating func begin(behind foldedThrough: Int64) {
        first = foldedThrough + 1
        facts = []
        effects = []
    }

    private func index(_ sequence: Int64) -> Int? {
        sequence >= first ? Int(sequence - first) : nil
    }

    /// The next row has become durable.
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
        // The end of a tenure that the table lacks comes to nothing.
        let comesToSomething = fact.isHeld || fact.isInTable
        effects.append(comesToSomething ? row.change.map { Effect(name: $0.name, tenure: $0.after?.tenure) } : nil)
    }

    /// The tenure is past that this row, and those before it in its chain, are about.
    private mutating func pass(_ sequence: Int64) {
        var sequence = sequence
        while let index = index(sequence), !facts[index].isPast {
            facts[index].isPast = true
            effects[index] = nil
            sequence = facts[index].previous
        }
    }

    // MARK: - Slices

    /// What a number of rows comes to; it takes effect when its transaction has.
    struct Slice {
        var rowCount = 0
        /// How many leases the table gets, changes or loses.
        var writes = 0
        /// How many of the rows are history.
        var historyCount: Int64 = 0
        /// The rows that are none.
        var passing: [Int64] = []
        /// The highest token that they have issued or brought in.
        var lastToken: Token?
    }

    /// Makes a slice longer by up to `most` rows.
    func extend(_ slice: inout Slice, by most: Int) {
        for index in slice.rowCount..<min(slice.rowCount + most, facts.count) {
            let fact = facts[index]
            if let token = fact.token {
                // An imported token may be lower than one before it.
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

    /// How many more leases a slice writes with this row.
    private func writes(_ fact: Fact) -> Int {
        if fact.isEnd { return fact.isInTable ? 1 : 0 }
        guard fact.isHeld, !fact.isPast else { return 0 }
        // The row before it in the slice is written no more.
        return fact.previous >= first ? 0 : 1
    }

    /// Calls `body` for each lease that the table is to hold otherwise after the first `count` rows, in their order.
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

    /// The first `count` rows have been folded.
    mutating func removeFirst(_ count: Int) {
        let last = first + Int64(count) - 1
        for index in 0..<count where !facts[index].isPast && facts[index].next > last {
            // The table holds now what these rows are about. Those behind one that knows it know it, too: a tenure that is
            // renewed without end is gone through once, and not with each slice.
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
            // What a long backlog took is not kept for the next.
            facts = []
            effects = []
        }
    }
}

extension Unfolded.Row {
    /// The row of an entry.
    ///
    /// - Parameter change: what it did to a lease, if it did something.
    init(_ entry: JournalEntry, _ change: LeaseChange?) {
        self.init(
            sequence: entry.sequence,
            isHistory: entry.isHistory,
            token: entry.issuedToken,
            change: change
        )
    }
}

/// What an event did to a lease.
struct LeaseChange {
    let name: LeaseName
    /// The state that it found, or `nil` if the lease was free.
    let before: LeaseState?
    /// The state that it left, or `nil` if the lease is free.
    let after: LeaseState?
}

/// A lease that is held, as a row of the journal left it.
struct LeaseState {
    let tenure: Tenure
    /// The place of that row; 0 if it was read from the table.
    let sequence: Int64
}

/// The tenures that rows of the journal speak of and the table lacks, since they were past when it was written.
///
/// Their ends are among the rows. If one is not, the file is damaged.
struct PastTenures {
    /// The fence of the one that each lease is in.
    private var fences: [LeaseName: Token] = [:]

    /// Whether an entry is about such a tenure: its lease is free, and it begins none.
    mutating func take(_ entry: JournalEntry, on tenure: Tenure?) -> Bool {
        guard tenure == nil, case .lease(let name, let fence, let event) = entry.content else { return false }
        switch event {
        case .granted:
            return false
        case .imported:
            // In the place of such a tenure, or one that it begins.
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
