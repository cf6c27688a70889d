import LeaseCore

/// The list of leases.
extension StoreReader {
    /// A page of the leases in force, by name.
    func leases(_ page: LeasePage) throws -> [(name: LeaseName, tenure: Tenure)] {
        // The index is entered at the later of the two bounds.
        let isAfter = page.after.map { !$0.bytes.lexicographicallyPrecedes(page.prefix) } ?? false
        let start = isAfter ? page.after?.bytes ?? [] : page.prefix
        let changes = try JournalTail(database).changes
            .filter { name, _ in
                name.bytes.starts(with: page.prefix)
                    && (isAfter ? start.lexicographicallyPrecedes(name.bytes) : true)
            }
            .map { name, change in (place: name, element: change.tenure.map { (name: name, tenure: $0) }) }
        var merge = TailMerge(changes, count: length(page.count))
        var meter = ListMeter(limits)
        var leases: [(name: LeaseName, tenure: Tenure)] = []
        func emit(_ lease: (name: LeaseName, tenure: Tenure)) throws {
            try meter.count(lease.name.bytes.count)
            leases.append(lease)
        }
        let sql = isAfter ? LeaseTable.selectAfter : LeaseTable.selectFrom
        try each(sql, .blob(start), .integer(Int64(merge.rows))) { row in
            let lease = try LeaseTable.decode(row)
            guard lease.name.bytes.starts(with: page.prefix) else { return false }
            return try merge.row(at: lease.name, lease, emit: emit)
        }
        try merge.end(emit: emit)
        return leases
    }
}
