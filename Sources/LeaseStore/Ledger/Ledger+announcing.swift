package import LeaseCore

/// What watchers are told: the durable events of leases, in the journal's order.
extension Ledger {
    /// Takes what has become durable since the last call while ``isWatched`` was on.
    package func takeAnnouncements() -> [Announcement] {
        defer { announcements = [] }
        return announcements
    }

    /// Adds the announcements of the batch, which has just become durable.
    func announceBatch() {
        guard isWatched else { return announcements = [] }
        for (entry, row) in zip(batch.entries, batch.rows) {
            guard case .lease(let name, _, let event) = entry.content else { continue }
            if let announcement = Announcement(event, on: name, before: row.change?.before?.tenure, at: entry.at) {
                announcements.append(announcement)
            }
        }
    }
}
