/// What a tenure depends on besides its time: how its holder's death is detected.
///
/// A tenure has at most one; the last one given counts. Only the daemon knows which connection it is, and only while it
/// runs.
public enum Attachment: Int64, Hashable, Sendable, CaseIterable {
    /// Nothing: only time counts.
    case nothing = 0
    /// A connection of its holder: the tenure ends with it or by time, whichever comes first.
    case bound = 1
    /// A tie, which a process tree inherits: the tenure ends when the last process that holds the tie is gone, not by
    /// time.
    case tied = 2
}

/// What a renewal does with its tenure's attachment.
package enum Binding: Hashable, Sendable {
    /// It stays as it is.
    case keep
    /// The tenure is bound to the connection that renews.
    case bind
    /// The tenure depends on time alone.
    case unbind
}
