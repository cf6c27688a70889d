/// The id of one attempt of a caller, so that repeating it after a lost reply has no second effect.
///
/// 16 to 128 random bytes, new for each attempt: two callers with the same id would be taken for one.
public struct RequestID: Hashable, Sendable {
    /// The permitted numbers of bytes.
    public static let lengths = 16...128

    /// The bytes.
    public let bytes: [UInt8]

    /// Creates an id.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` under 16 bytes, ``LeaseError/Code/tooBig`` over 128.
    public init(_ bytes: some Sequence<UInt8>) throws(LeaseError) {
        let bytes = Array(bytes)
        guard bytes.count >= Self.lengths.lowerBound else {
            throw LeaseError(
                .invalidRequest,
                "the request id has \(bytes.count) bytes; take \(Self.lengths.lowerBound) or more, random, new for each attempt"
            )
        }
        guard bytes.count <= Self.lengths.upperBound else {
            throw LeaseError(.tooBig, "the request id has \(bytes.count) bytes; the most is \(Self.lengths.upperBound)")
        }
        self.bytes = bytes
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// A new id: 128 random bits as 32 hexadecimal digits.
    public static func random() -> RequestID {
        var generator = SystemRandomNumberGenerator()
        let digits = Array("0123456789abcdef".utf8)
        return RequestID(unchecked: (0..<32).map { _ in digits[Int.random(in: 0..<16, using: &generator)] })
    }
}
