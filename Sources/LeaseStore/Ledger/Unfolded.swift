import DequeModule
import LeaseCore

/// The journal's rows that the tables lack, in memory as they are on disk: what is to be folded.
///
///     journal   ─────────── folded_through ┤ row │ row │ row │ … ├ last durable row
///     tables    ───────────────────────────┘
///
/// Each row knows its lease before and after it, and the row before it that is about the same tenure. So folding reads
/// nothing back: what the tables hold of a lease is what the first of these rows about its tenure found, and a tenure that is
/// granted and ends within a slice costs no look at anything.
/// Folding begins at a number of them (`Schedule.foldBacklog`) and takes more time the more there are (``FoldPace``); at a start
/// there is what the last daemon left.
struct Unfolded {
    /// A row of the journal, as far as folding is concerned.
    struct Row {
        let sequence: Int64
        let isHistory: Bool
        /// The token that it issued or brought in, if it did.
        let token: Token?
        /// The lease that it is about, if it is about one.
        let change: LeaseChange?
    }

    private var rows: Deque<Row> = []

    /// How many rows there are.
    var count: Int { rows.count }

    /// Rows in their order, from one place on, `most` of them or as many as there are.
    func rows(from start: Int, most: Int) -> Slice<Deque<Row>> { rows[start..<min(start + most, rows.count)] }

    /// Rows have become durable: the next ones in their order.
    mutating func append(_ new: some Collection<Row>) {
        rows.append(contentsOf: new)
    }

    /// The first `count` rows have been folded.
    mutating func removeFirst(_ count: Int) {
        rows.removeFirst(count)
        if rows.isEmpty {
            // What a long backlog took is not kept for the next.
            rows = []
        }
    }
}

extension Unfolded.Row {
    /// The row of an entry.
    ///
    /// - Parameter change: what it did to a lease, if it is about one.
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
