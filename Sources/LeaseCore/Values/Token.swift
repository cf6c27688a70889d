/// A fencing token: a number that a store issues only once, greater than all before it.
///
/// A token is between 1 and 2^53 − 1, so that it is exact in every language, even where numbers are doubles. A grant's
/// token is the tenure's *fence*; a renewal issues a newer token for the same tenure.
public struct Token: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The least token.
    public static let min = Token(unchecked: 1)
    /// The greatest token, 2^53 − 1.
    public static let max = Token(unchecked: (1 << 53) - 1)

    /// The number.
    public let rawValue: Int64

    /// Creates a token from its number, or `nil` if the number is not between 1 and 2^53 − 1.
    public init?(rawValue: Int64) {
        guard rawValue >= 1, rawValue <= Self.max.rawValue else { return nil }
        self.rawValue = rawValue
    }

    /// Creates a token from its decimal digits without sign or blanks, or `nil` if they are not a token.
    public init?(_ text: some StringProtocol) {
        guard let digit = text.utf8.first, (0x30...0x39).contains(digit), let value = Int64(text) else { return nil }
        self.init(rawValue: value)
    }

    private init(unchecked rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// Compares the numbers.
    public static func < (left: Token, right: Token) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The decimal digits, as on the wire.
    public var description: String { String(rawValue) }
}
