import LeaseCore

/// What a turn changes about what tenures hang on, in the order in which it was decided.
///
/// It is entered into ``Holdings`` once the turn is durable.
struct AttachmentChanges {
    /// One tenure's change.
    struct Change {
        let name: LeaseName
        let attachment: Attachment
        let session: Session
    }

    private var changes: [Change] = []
    private var latest: [LeaseName: Int] = [:]

    /// Whether the turn changes nothing by now.
    var isEmpty: Bool { changes.isEmpty }

    /// The latest change of a lease's tenure, or `nil` if there is none.
    subscript(name: LeaseName) -> Change? { latest[name].map { changes[$0] } }

    /// Has a lease's tenure hang on a session, or on nothing.
    mutating func add(_ attachment: Attachment, of name: LeaseName, on session: Session) {
        latest[name] = changes.count
        changes.append(Change(name: name, attachment: attachment, session: session))
    }

    /// Takes all changes, for the turn is over.
    mutating func take() -> [Change] {
        defer {
            changes.removeAll(keepingCapacity: true)
            latest.removeAll(keepingCapacity: true)
        }
        return changes
    }
}
