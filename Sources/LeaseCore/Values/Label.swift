/// Text that people read about a lease: an owner label, or the reason of a revocation.
///
/// At most 256 bytes of UTF-8 without control characters, so that it fits into an error reply as it is. It may be
/// empty. It may contain invisible characters or change the writing direction: code that shows it to people must escape
/// these.
public struct Label: Hashable, Sendable, CustomStringConvertible {
    /// The most bytes of UTF-8.
    public static let maximumLength = 256

    /// The empty label.
    public static let empty = Label(unchecked: "")

    /// The reason of a revocation that removed a key.
    static let removed = Label(unchecked: "removed")

    /// The text.
    public let text: String

    /// Creates a label.
    ///
    /// - Throws: ``LeaseError/Code/tooBig`` over ``maximumLength`` bytes, ``LeaseError/Code/invalidRequest`` with a
    ///   control character in it.
    public init(_ text: String) throws(LeaseError) {
        guard text.utf8.count <= Self.maximumLength else {
            throw LeaseError(.tooBig, "the label has \(text.utf8.count) bytes; the most is \(Self.maximumLength)")
        }
        guard Self.isPlainASCII(text) || !text.unicodeScalars.contains(where: Self.isControl) else {
            throw LeaseError(.invalidRequest, "a label has no control characters; leave them out")
        }
        self.text = text
    }

    /// Creates a label from unchecked bytes, such as a command name: invalid UTF-8 and control characters become `?`,
    /// and what exceeds the limit is cut off.
    public init(sanitizing bytes: some Sequence<UInt8>) {
        var text = ""
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            let shown = Self.isControl(scalar) || scalar == "\u{FFFD}" ? "?" : scalar
            guard text.utf8.count + UTF8.width(shown) <= Self.maximumLength else { break }
            text.unicodeScalars.append(shown)
        }
        self.text = text
    }

    private init(unchecked text: String) {
        self.text = text
    }

    /// The text.
    public var description: String { text }

    /// Whether it is printable ASCII, as most labels are: looking up characters' properties costs more than everything
    /// else.
    private static func isPlainASCII(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control
    }
}
