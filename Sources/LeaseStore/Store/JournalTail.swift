import GRDB
import LeaseCore

/// What the journal says about leases and the tables do not yet: its rows after `folded_through`, from one snapshot.
///
///     tables          leases and trackers up to folded_through          values and prefixes up to the commit
///     journal         ──────────────────────────────┤ tail ├───────────────────────────────────────┤
///
/// Values reach their tables with their commit, leases only when they are folded. The tables alone would mix two
/// instants: a value written after a release, beside the lease that was released. With the tail, a list shows exactly
/// what the snapshot's last commit left.
struct JournalTail {
    /// What became of a lease that the tail mentions.
    struct Change {
        /// What the table holds.
        let stored: Tenure?
        /// What it will hold once the tail is folded.
        var tenure: Tenure?
    }

    /// The leases that the tail mentions.
    private(set) var changes: [LeaseName: Change] = [:]

    init(_ database: Database) throws {
        let folded = try HeldStatement("SELECT value FROM meta WHERE name = '\(Meta.foldedThrough)'", on: database)
        let entries = try HeldStatement(JournalEntry.selection, on: database)
        let lease = try HeldStatement(LeaseTable.selectOne, on: database)
        defer { [folded, entries, lease].forEach { $0.finalize() } }
        var foldedThrough: Int64 = 0
        var past = PastTenures()
        try folded.forEach { foldedThrough = $0.integer(0) ?? 0 }
        try entries.forEach(.integer(foldedThrough), .integer(Int64.max)) { row in
            guard let entry = JournalEntry(row) else { throw MalformedRow(table: "lease_journal") }
            guard case .lease(let name, _, _) = entry.content else { return }
            var change: Change
            if let known = changes[name] {
                change = known
            } else {
                var stored: Tenure?
                try lease.forEach(.blob(name.bytes)) { stored = try LeaseTable.decode($0).tenure }
                change = Change(stored: stored, tenure: stored)
            }
            guard past.take(entry, on: change.tenure) || entry.apply(to: &change.tenure) else {
                throw MalformedRow(table: "lease_journal")
            }
            changes[name] = change
        }
        guard past.haveEnded else { throw MalformedRow(table: "lease_journal") }
    }

    /// The keys to which the tail grants a lease that the table lacks.
    var granted: [Key] { changes.filter { $1.stored == nil && $1.tenure != nil }.map { Key($0.key) } }
    /// The keys whose lease in the table the tail ends.
    var taken: [Key] { changes.filter { $1.stored != nil && $1.tenure == nil }.map { Key($0.key) } }
}

/// Merges a table's rows, in their order, with the tail's changes, which replace some and come between others.
struct TailMerge<Place: Comparable, Element> {
    private var pending: ArraySlice<(place: Place, element: Element?)>
    private var left: Int
    /// How many rows of the table may be needed.
    let rows: Int

    /// - Parameters:
    ///   - changes: What the tail has for each place within the list's bounds; `nil` removes the row.
    ///   - count: The most elements that are asked for.
    init(_ changes: [(place: Place, element: Element?)], count: Int) {
        pending = changes.sorted { $0.place < $1.place }[...]
        left = count
        rows = count > .max - changes.count ? .max : count + changes.count
    }

    /// Emits what comes before a row of the table, then the row or its replacement; returns whether more is wanted.
    mutating func row(at place: Place, _ element: Element, emit: (Element) throws -> Void) throws -> Bool {
        while let next = pending.first, next.place < place, left > 0 {
            pending.removeFirst()
            try self.emit(next.element, emit)
        }
        guard left > 0 else { return false }
        if pending.first?.place == place {
            try self.emit(pending.removeFirst().element, emit)
        } else {
            try self.emit(element, emit)
        }
        return left > 0
    }

    /// Emits what comes after the table's last row.
    mutating func end(emit: (Element) throws -> Void) throws {
        while left > 0, let next = pending.popFirst() {
            try self.emit(next.element, emit)
        }
    }

    private mutating func emit(_ element: Element?, _ emit: (Element) throws -> Void) throws {
        guard let element else { return }
        left -= 1
        try emit(element)
    }
}
