public import LeaseCore
internal import LeaseWire

/// A key of the store, and which kinds of value it has.
public struct ListedKey: Hashable, Sendable {
    /// The key.
    public let key: Key
    /// The kinds, in the order of ``LeaseCore/KeyKind``.
    public let kinds: [KeyKind]

    /// Creates an element of a list of keys.
    public init(key: Key, kinds: [KeyKind]) {
        self.key = key
        self.kinds = kinds
    }

    init(_ reply: ListedKeyReply) {
        self.init(key: reply.key, kinds: reply.kinds)
    }
}

/// A key's place on the ring of hashes, and which kinds of value it has.
public struct KeyTracker: Hashable, Sendable {
    /// The hash, by the function that the store was made with.
    public let hash: UInt64
    /// The kinds, in the order of ``LeaseCore/KeyKind``; at least one.
    public let kinds: [KeyKind]

    /// Creates a tracker.
    public init(hash: UInt64, kinds: [KeyKind]) {
        self.hash = hash
        self.kinds = kinds
    }

    init(_ reply: TrackerReply) {
        self.init(hash: reply.hash, kinds: reply.kinds)
    }
}
