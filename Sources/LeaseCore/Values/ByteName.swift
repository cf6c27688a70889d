/// A name made of bytes: of a lease (``LeaseName``), of a key or of a child (``Key``).
///
/// 1 to 1024 arbitrary bytes. Two names are the same if their bytes are the same; nothing is folded or normalised. They
/// are ordered by their bytes, unsigned, as SQLite orders blobs.
public protocol ByteName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The bytes of the name.
    var bytes: [UInt8] { get }

    /// Creates a name from its bytes.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is empty, ``LeaseError/Code/tooBig`` if it is longer than
    ///   ``maximumLength``.
    init(_ bytes: some Sequence<UInt8>) throws(LeaseError)
}

extension ByteName {
    /// The most bytes that any configuration allows in a name, a key or a child.
    public static var maximumLength: Int { 1024 }

    /// Creates a name from a string's UTF-8 bytes.
    ///
    /// - Throws: what ``init(_:)-(Sequence<UInt8>)`` throws.
    public init(_ string: String) throws(LeaseError) {
        try self.init(string.utf8)
    }

    /// Compares names by their bytes, unsigned.
    public static func < (left: Self, right: Self) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Compares the bytes, eight at a time.
    public static func == (left: Self, right: Self) -> Bool {
        left.bytes.withUnsafeBytes { left in
            right.bytes.withUnsafeBytes { right in
                guard left.count == right.count else { return false }
                var index = 0
                while index + 8 <= left.count {
                    let (word, other) = (
                        left.loadUnaligned(fromByteOffset: index, as: UInt64.self),
                        right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    )
                    guard word == other else { return false }
                    index += 8
                }
                while index < left.count {
                    guard left[index] == right[index] else { return false }
                    index += 1
                }
                return true
            }
        }
    }

    /// Hashes the bytes in one step, not one by one.
    public func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    /// The name for people: printable ASCII as it is, a backslash doubled, every other byte as `\xHH`, so that no name
    /// can harm a terminal or a log.
    public var description: String { EscapedBytes.text(bytes) }

    /// The bytes, if there are neither too few nor too many.
    ///
    /// - Parameter noun: What the name is called in the refusal.
    static func checked(_ bytes: some Sequence<UInt8>, _ noun: String) throws(LeaseError) -> [UInt8] {
        let bytes = Array(bytes)
        guard !bytes.isEmpty else {
            throw LeaseError(.invalidRequest, "a \(noun) has at least one byte, and this one is empty; name one")
        }
        guard bytes.count <= maximumLength else {
            throw LeaseError(.tooBig, "the \(noun) has \(bytes.count) bytes; the most is \(maximumLength)")
        }
        return bytes
    }
}
