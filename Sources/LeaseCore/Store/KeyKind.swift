/// The kinds of things that a key may have, independent of each other.
public enum KeyKind: String, Hashable, Sendable, CaseIterable {
    /// A simple value.
    case simple
    /// At least one child.
    case prefix
    /// A lease in force.
    case lease
}
