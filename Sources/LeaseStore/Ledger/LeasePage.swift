import GRDB
package import LeaseCore

/// A part of the list of leases, by name.
package struct LeasePage: Sendable {
    /// Only names that begin with these bytes.
    package var prefix: [UInt8]
    /// Only names after this one, which need not be there.
    package var after: LeaseName?
    /// At most so many.
    package var count: Int

    /// Creates a page.
    package init(prefix: [UInt8] = [], after: LeaseName? = nil, count: Int = .max) {
        self.prefix = prefix
        self.after = after
        self.count = count
    }
}

extension Ledger {
    /// Reads a page of the table `leases` on a snapshot, beside the writer.
    ///
    /// The table is what the journal was up to the last ``fold(limit:)``. Whoever wants the leases of this instant has
    /// ended those whose time has come, committed and folded before.
    ///
    /// - Parameter completion: Called on a thread of the reader's.
    package func read(
        _ page: LeasePage,
        completion: @escaping @Sendable (Result<[(name: LeaseName, tenure: Tenure)], StoreError>) -> Void
    ) {
        let path = file.path
        file.pool.asyncRead { snapshot in
            completion(
                Result { try Self.rows(of: page, in: snapshot.get()) }.mapError { StoreFile.translate($0, path: path) }
            )
        }
    }

    static func rows(of page: LeasePage, in database: Database) throws -> [(name: LeaseName, tenure: Tenure)] {
        var rows: [(name: LeaseName, tenure: Tenure)] = []
        // The later of the two bounds is where the index is entered.
        let isAfter = page.after.map { !$0.bytes.lexicographicallyPrecedes(page.prefix) } ?? false
        let statement = try HeldStatement(isAfter ? LeaseTable.selectAfter : LeaseTable.selectFrom, on: database)
        defer { statement.finalize() }
        let start = isAfter ? page.after?.bytes ?? [] : page.prefix
        try statement.scan(.blob(start), .integer(Int64(max(page.count, 0)))) { row in
            let lease = try LeaseTable.decode(row)
            guard lease.name.bytes.starts(with: page.prefix) else { return false }
            rows.append(lease)
            return true
        }
        return rows
    }
}
