internal import LeaseCore

/// The function that gives each key its place on the ring of unsigned 64-bit numbers.
///
/// A store remembers the function's name and is refused to whoever opens it with another one, since the hashes in it are
/// computed once, when a key gets its tracker, and never again.
public struct KeyHash: Sendable {
    /// What the store remembers: 1 to 64 printable ASCII characters.
    public let name: String

    /// The function.
    ///
    /// It answers the same number for the same bytes, for ever.
    public let function: @Sendable (_ key: [UInt8]) -> UInt64

    /// Creates a hash under a name of your own.
    public init(name: String, function: @escaping @Sendable (_ key: [UInt8]) -> UInt64) {
        self.name = name
        self.function = function
    }

    /// XXH64 with seed 0: the default.
    public static let xxh64 = KeyHash(name: "xxh64") { XXH64.hash($0) }

    /// The hash of `key` as it is stored.
    ///
    /// SQLite's integers are signed; with the top bit flipped their order is that of the unsigned hashes.
    func stored(_ key: [UInt8]) -> Int64 {
        Self.stored(function(key))
    }

    /// A hash as it is stored.
    static func stored(_ hash: UInt64) -> Int64 {
        Int64(bitPattern: hash ^ (1 << 63))
    }

    /// The hash that is stored as this number.
    static func hash(stored number: Int64) -> UInt64 {
        UInt64(bitPattern: number) ^ (1 << 63)
    }
}
