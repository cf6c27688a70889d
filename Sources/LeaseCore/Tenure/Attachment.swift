/// What a tenure hangs on beside its time: how its holder's death is known.
///
/// A tenure has at most one; the last that was given counts. Which connection it is only the daemon knows, and only as
/// long as it runs.
public enum Attachment: Int64, Hashable, Sendable, CaseIterable {
    /// Nothing: the tenure goes by time alone.
    case nothing = 0
    /// A connection of its holder: the tenure ends with it, or by time, whichever comes first.
    case bound = 1
    /// A tie, which a process tree inherits: the tenure ends when the last process that holds it is gone, and not by time.
    case tied = 2
}

/// What a renewal does with its tenure's attachment.
package enum Binding: Hashable, Sendable {
    /// It stays as it is.
    case keep
    /// The tenure is bound to the connection that renews.
    case bind
    /// The tenure goes on by time alone.
    case unbind
}
