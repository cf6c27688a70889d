/// An element of a list of keys: a key and its kinds.
public struct ListedKey: Hashable, Sendable {
    /// The key.
    public let key: Key
    /// The kinds, in the order simple, prefix, lease.
    public let kinds: [KeyKind]

    /// Creates an element of a list of keys.
    public init(key: Key, kinds: [KeyKind]) {
        self.key = key
        self.kinds = kinds
    }
}
