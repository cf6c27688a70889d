/// What a store notes about a key that has anything: its kinds, and its place on the ring of hashes.
public struct KeyTracker: Hashable, Sendable {
    /// The key's hash by the store's function, computed when the key first got something.
    public let hash: UInt64
    /// What the key has, in the order simple, prefix, lease; never empty.
    public let kinds: [KeyKind]

    /// Creates a tracker.
    public init(hash: UInt64, kinds: [KeyKind]) {
        self.hash = hash
        self.kinds = kinds
    }
}
