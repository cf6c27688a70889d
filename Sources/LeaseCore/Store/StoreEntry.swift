/// Everything that one key has, as it is exported and imported.
///
/// Lists of entries carry keys from store to store. A key that has nothing is an empty entry.
public struct StoreEntry: Hashable, Sendable {
    /// The key.
    public var key: Key
    /// The simple value, or `nil` if the key has none; an empty value is a value.
    public var value: [UInt8]?
    /// The children; an export lists them in byte order.
    public var children: [Key]
    /// The lease, or `nil` if nobody holds it.
    public var lease: EntryLease?

    /// Creates an entry.
    public init(key: Key, value: [UInt8]? = nil, children: [Key] = [], lease: EntryLease? = nil) {
        self.key = key
        self.value = value
        self.children = children
        self.lease = lease
    }
}

/// A tenure as an entry carries it.
///
/// An export gives every field of a tenure in force. An import fills in what is missing.
public struct EntryLease: Hashable, Sendable {
    /// The highest token that an import accepts, 2^52: the store's own tokens must continue after it.
    public static let highestToken: Int64 = 1 << 52

    /// The newest token.
    public var token: Token
    /// When the tenure ends, on the wall clock, the one clock that two machines share; to the millisecond on the wire.
    public var expiresAt: WallInstant
    /// The fence, at most the token; if missing, the token.
    public var fence: Token?
    /// The TTL; if missing, the time left.
    public var ttl: TTL?
    /// The user who holds it; if missing, the importer.
    public var uid: UInt32?
    /// What the holder calls itself; if missing, nothing.
    public var owner: Label?

    /// Creates a lease for an entry.
    public init(
        token: Token,
        expiresAt: WallInstant,
        fence: Token? = nil,
        ttl: TTL? = nil,
        uid: UInt32? = nil,
        owner: Label? = nil
    ) {
        self.token = token
        self.expiresAt = expiresAt
        self.fence = fence
        self.ttl = ttl
        self.uid = uid
        self.owner = owner
    }
}
