import Glibc
import LeaseCore

/// Arguments are bytes, strings are Unicode: a way there and back that loses nothing.
///
/// The parser of options takes strings, and Swift repairs what is not UTF-8, so `leasectl acquire $'\xff' 30s` would
/// name another lease than it says. Hence each byte that belongs to no valid UTF-8 becomes a private-use character of
/// its own, U+10FF00 plus the byte, and the bytes of one of these very characters are taken apart in the same way.
///
/// A second use of private characters: ``shielded(_:)`` puts U+10FE00 before an argument that belongs to a job, or is
/// the value of an option, so that the parser never takes it for an option of `leasectl`.
enum ArgumentText {
    private static let shield: Unicode.Scalar = "\u{10FE00}"
    private static let firstEscape: UInt32 = 0x10FF00

    /// Ends the process if its arguments are not to be had: a command of any kind would look like none.
    ///
    /// Swift's runtime finds them in /proc/self/cmdline.
    static func requireArguments(count: Int32) {
        guard count < 1 else { return }
        Console.complain("the arguments cannot be read; mount /proc")
        exit(ExitStatus.internalError)
    }

    /// The string that stands for the bytes.
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

    /// The bytes that the string stands for.
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

    /// The string as the user meant it, or `nil` if what was typed is not UTF-8.
    static func unicode(_ text: String) -> String? {
        String(validating: bytes(text), as: UTF8.self)
    }

    /// A string that no parser takes for an option, and that ``bytes(_:)`` reads as the same bytes.
    static func shielded(_ text: String) -> String {
        String(Character(shield)) + text
    }

    /// Words as one that no parser takes for an option; ``bytes(ofJoined:)`` reads them.
    ///
    /// The parser goes through all words for each that it takes: with thousands it would do so for seconds.
    static func joined(_ words: some Sequence<String>) -> String {
        words.map(shielded).joined()
    }

    /// The bytes of each word of a ``joined(_:)`` one.
    static func bytes(ofJoined text: String) -> [[UInt8]] {
        text.unicodeScalars.split(separator: shield, omittingEmptySubsequences: false)
            .dropFirst()
            .map { bytes(String($0)) }
    }

    /// Whether the string was ``shielded(_:)``.
    static func isShielded(_ text: String) -> Bool {
        text.unicodeScalars.first == shield
    }

    /// A character of ASCII so that no parser sees it, and that ``bytes(_:)`` and ``readable(_:)`` read as the same.
    static func escaped(_ scalar: Unicode.Scalar) -> String {
        String(Character(escape(UInt8(ascii: scalar))))
    }

    /// A message that quotes such strings, for people: each escaped byte as `\\xHH`.
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

    /// The arguments of a process.
    static func strings(count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> [String] {
        (0..<Int(count)).compactMap { arguments[$0] }.map { argument in
            string(UnsafeBufferPointer(start: argument, count: strlen(argument)).lazy.map { UInt8(bitPattern: $0) })
        }
    }

    private static func escape(_ byte: UInt8) -> Unicode.Scalar {
        Unicode.Scalar(firstEscape + UInt32(byte))!
    }

    /// How many bytes the first character takes if it is valid UTF-8, else 0.
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
