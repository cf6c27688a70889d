import LeaseCore

/// A turn's changes to the attachments of tenures, in the order in which they were decided.
///
/// They are entered into ``Holdings`` once the turn is durable.
struct AttachmentChanges {
    struct Change {
        let name: LeaseName
        let attachment: Attachment
        let session: Session
    }

    private var changes: [Change] = []
    private var latest: [LeaseName: Int] = [:]

    /// Whether the turn has changed nothing so far.
    var isEmpty: Bool { changes.isEmpty }

    /// The latest change of a lease's tenure, or `nil` if there is none.
    subscript(name: LeaseName) -> Change? { latest[name].map { changes[$0] } }

    /// Attaches a lease's tenure to a session, or to nothing.
    mutating func add(_ attachment: Attachment, of name: LeaseName, on session: Session) {
        latest[name] = changes.count
        changes.append(Change(name: name, attachment: attachment, session: session))
    }

    /// Takes all changes: the turn is over.
    mutating func take() -> [Change] {
        defer {
            changes.removeAll(keepingCapacity: true)
            latest.removeAll(keepingCapacity: true)
        }
        return changes
    }
}
