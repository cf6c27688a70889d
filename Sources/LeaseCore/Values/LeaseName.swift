/// The name of a lease: 1 to 1024 arbitrary bytes.
///
/// Two names are the same lease when their bytes are the same; nothing is folded or normalised. Names order by their
/// bytes, unsigned, as SQLite orders blobs.
public struct LeaseName: Hashable, Comparable, Sendable {
    /// The most bytes that any configuration allows a name, a key or a child to have.
    public static let maximumLength = 1024

    /// The bytes of the name.
    public let bytes: [UInt8]

    /// Creates a name from its bytes.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is empty, ``LeaseError/Code/tooBig`` if it is longer than
    ///   ``maximumLength``.
    public init(_ bytes: some Sequence<UInt8>) throws(LeaseError) {
        let bytes = Array(bytes)
        guard !bytes.isEmpty else {
            throw LeaseError(.invalidRequest, "a lease name has at least one byte")
        }
        guard bytes.count <= Self.maximumLength else {
            throw LeaseError(.tooBig, "the lease name has \(bytes.count) bytes; the most is \(Self.maximumLength)")
        }
        self.bytes = bytes
    }

    /// Creates a name from a string's UTF-8 bytes.
    ///
    /// - Throws: what ``init(_:)-(Sequence<UInt8>)`` throws.
    public init(_ string: String) throws(LeaseError) {
        try self.init(string.utf8)
    }

    /// Creates the name of the lease that a key has.
    public init(_ key: Key) {
        bytes = key.bytes
    }

    /// Compares names by their bytes, unsigned.
    public static func < (left: LeaseName, right: LeaseName) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Hashes the bytes in one step, not one by one.
    public func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension LeaseName: CustomStringConvertible {
    /// The name for people: printable ASCII as it is, every other byte as `\xHH`, so that no name can harm a terminal
    /// or a log.
    public var description: String { EscapedBytes.text(bytes) }
}
