package import LeaseCore

/// What whoever watches is told: the events of leases that are durable, in the order of the journal.
extension Ledger {
    /// Takes what has become durable since the last call, while ``isWatched`` was on.
    package func takeAnnouncements() -> [Announcement] {
        defer { announcements = [] }
        return announcements
    }

    /// Notes what is to be told of the batch, which has just become durable.
    func announceBatch() {
        guard isWatched else { return announcements = [] }
        var changes = batch.changes[...]
        for entry in batch.entries {
            guard case .lease(let name, _, let event) = entry.content, let change = changes.popFirst() else {
                continue
            }
            precondition(change.name == name, "a batch whose events and changes do not go together")
            if let announcement = Announcement(event, on: name, before: change.before, at: entry.at) {
                announcements.append(announcement)
            }
        }
    }
}
