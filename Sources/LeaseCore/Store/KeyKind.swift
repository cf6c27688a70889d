/// What a key may have: each kind lives its own life beside the others.
public enum KeyKind: String, Hashable, Sendable, CaseIterable {
    /// A simple value.
    case simple
    /// At least one child.
    case prefix
    /// A lease in force.
    case lease
}
