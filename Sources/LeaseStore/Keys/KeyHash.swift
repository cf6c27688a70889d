internal import LeaseCore

/// The function that gives each key its place on the ring of unsigned 64-bit numbers.
///
/// A store remembers the function's name and is not opened with another one, since it computes each hash once, when a
/// key gets its tracker.
public struct KeyHash: Sendable {
    /// What the store remembers: 1 to 64 printable ASCII characters.
    public let name: String

    /// The function.
    ///
    /// It must always return the same number for the same bytes.
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
    /// SQLite's integers are signed; flipping the top bit makes their order that of the unsigned hashes.
    func stored(_ key: [UInt8]) -> Int64 {
        Self.stored(function(key))
    }

    static func stored(_ hash: UInt64) -> Int64 {
        Int64(bitPattern: hash ^ (1 << 63))
    }

    static func hash(stored number: Int64) -> UInt64 {
        UInt64(bitPattern: number) ^ (1 << 63)
    }
}
