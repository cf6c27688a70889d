/// A key of the store, or a child under a prefix: 1 to 1024 arbitrary bytes.
///
/// Two keys are the same when their bytes are the same; nothing is folded or normalised. Keys order by their bytes,
/// unsigned, as SQLite orders blobs. A key's lease is the lease whose name has the same bytes.
public struct Key: Hashable, Comparable, Sendable {
    /// The most bytes that any configuration allows a key or a child to have.
    public static let maximumLength = LeaseName.maximumLength

    /// The bytes of the key.
    public let bytes: [UInt8]

    /// Creates a key from its bytes.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is empty, ``LeaseError/Code/tooBig`` if it is longer than
    ///   ``maximumLength``.
    public init(_ bytes: some Sequence<UInt8>) throws(LeaseError) {
        let bytes = Array(bytes)
        guard !bytes.isEmpty else {
            throw LeaseError(.invalidRequest, "a key has at least one byte")
        }
        guard bytes.count <= Self.maximumLength else {
            throw LeaseError(.tooBig, "the key has \(bytes.count) bytes; the most is \(Self.maximumLength)")
        }
        self.bytes = bytes
    }

    /// Creates a key from a string's UTF-8 bytes.
    ///
    /// - Throws: what ``init(_:)-(Sequence<UInt8>)`` throws.
    public init(_ string: String) throws(LeaseError) {
        try self.init(string.utf8)
    }

    /// Creates the key whose lease is the one with this name.
    public init(_ name: LeaseName) {
        bytes = name.bytes
    }

    /// Compares keys by their bytes, unsigned.
    public static func < (left: Key, right: Key) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Hashes the bytes in one step, not one by one.
    public func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension Key: CustomStringConvertible {
    /// The key for people: printable ASCII as it is, every other byte as `\xHH`.
    public var description: String { EscapedBytes.text(bytes) }
}
