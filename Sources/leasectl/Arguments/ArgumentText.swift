import Glibc
import LeaseCore

/// Converts arguments, which are bytes, to strings, which are Unicode, and back without loss.
///
/// The option parser takes strings, and Swift repairs what is not UTF-8, so `leasectl acquire $'\xff' 30s` would name
/// another lease than was typed. So each byte outside valid UTF-8 becomes a private-use character, U+10FF00 plus the
/// byte. The bytes of these very characters are escaped in the same way.
///
/// A second use of private characters: ``shielded(_:)`` puts U+10FE00 before an argument of a job, or the value of an
/// option, so that the parser never takes it for an option of `leasectl`.
enum ArgumentText {
    private static let shield: Unicode.Scalar = "\u{10FE00}"
    private static let firstEscape: UInt32 = 0x10FF00

    /// Ends the process if its arguments cannot be read: every command line would look empty.
    ///
    /// Swift's runtime reads them from /proc/self/cmdline.
    static func requireArguments(count: Int32) {
        guard count < 1 else { return }
        Console.complain("the arguments cannot be read; mount /proc")
        exit(ExitStatus.internalError)
    }

    /// The string that represents the bytes.
    static func string(_ bytes: some Sequence<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        let bytes = Array(bytes)
        var index = 0
        while index < bytes.count {
            let length = validLength(bytes[index...])
            if length > 0, let scalar = scalar(bytes[index..<(index + length)]), scalar.value < shield.value {
                text.append(scalar)
                index += length
            } else {
                text.append(escape(bytes[index]))
                index += 1
            }
        }
        return String(text)
    }

    /// The bytes that the string represents.
    static func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars where scalar != shield {
            if scalar.value >= firstEscape {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar)!)
            }
        }
        return bytes
    }

    /// The string as the user typed it, or `nil` if that is not UTF-8.
    static func unicode(_ text: String) -> String? {
        String(validating: bytes(text), as: UTF8.self)
    }

    /// A string that no parser takes for an option, and that ``bytes(_:)`` converts to the same bytes.
    static func shielded(_ text: String) -> String {
        String(Character(shield)) + text
    }

    /// Joins words into one that no parser takes for an option; ``bytes(ofJoined:)`` splits it.
    ///
    /// The parser's work for each word grows with the number of words: thousands would take seconds.
    static func joined(_ words: some Sequence<String>) -> String {
        words.map(shielded).joined()
    }

    /// The bytes of each word in the result of ``joined(_:)``.
    static func bytes(ofJoined text: String) -> [[UInt8]] {
        text.unicodeScalars.split(separator: shield, omittingEmptySubsequences: false)
            .dropFirst()
            .map { bytes(String($0)) }
    }

    /// Whether the string was ``shielded(_:)``.
    static func isShielded(_ text: String) -> Bool {
        text.unicodeScalars.first == shield
    }

    /// An ASCII character, escaped so that no parser sees it; ``bytes(_:)`` and ``readable(_:)`` restore it.
    static func escaped(_ scalar: Unicode.Scalar) -> String {
        String(Character(escape(UInt8(ascii: scalar))))
    }

    /// Makes a message that quotes such strings readable: each escaped byte becomes `\\xHH`.
    static func readable(_ message: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in message.unicodeScalars where scalar != shield {
            if scalar.value >= firstEscape {
                text.append(contentsOf: EscapedBytes.text([UInt8(truncatingIfNeeded: scalar.value)]).unicodeScalars)
            } else {
                text.append(scalar)
            }
        }
        return String(text)
    }

    static func strings(count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> [String] {
        (0..<Int(count)).compactMap { arguments[$0] }.map { argument in
            string(UnsafeBufferPointer(start: argument, count: strlen(argument)).lazy.map { UInt8(bitPattern: $0) })
        }
    }

    private static func escape(_ byte: UInt8) -> Unicode.Scalar {
        Unicode.Scalar(firstEscape + UInt32(byte))!
    }

    /// The length of the first character if it is valid UTF-8, otherwise 0.
    private static func validLength(_ bytes: ArraySlice<UInt8>) -> Int {
        guard let first = bytes.first else { return 0 }
        let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        return bytes.count >= length && scalar(bytes.prefix(length)) != nil ? length : 0
    }

    private static func scalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
        guard let text = String(validating: bytes, as: UTF8.self), text.unicodeScalars.count == 1 else { return nil }
        return text.unicodeScalars.first
    }
}
