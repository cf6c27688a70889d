/// The string and integer members of a message, which is one JSON object (RFC 8259).
///
/// Members of other kinds are skipped, so that a later release may add to messages.
struct EventFields {
    private(set) var strings: [String: String] = [:]
    private(set) var integers: [String: Int64] = [:]

    private let bytes: [UInt8]
    private var index = 0

    /// Reads a message; `nil` if it is not a JSON object.
    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        skipBlanks()
        guard take("{") else { return nil }
        skipBlanks()
        if !take("}") {
            repeat {
                guard let member = readMember() else { return nil }
                switch member.value {
                case .string(let value): strings[member.key] = value
                case .integer(let value): integers[member.key] = value
                case .other: break
                }
            } while take(",")
            guard take("}") else { return nil }
        }
        skipBlanks()
        guard index == bytes.count else { return nil }
    }

    private enum Value {
        case string(String)
        case integer(Int64)
        case other
    }

    /// How deep values may be nested.
    private static let depthLimit = 8

    private mutating func readMember(depth: Int = 0) -> (key: String, value: Value)? {
        skipBlanks()
        guard let key = readString() else { return nil }
        skipBlanks()
        guard take(":"), let value = readValue(depth: depth) else { return nil }
        return (key, value)
    }

    /// Reads a value and the blanks around it.
    private mutating func readValue(depth: Int) -> Value? {
        skipBlanks()
        defer { skipBlanks() }
        guard index < bytes.count, depth < Self.depthLimit else { return nil }
        switch bytes[index] {
        case UInt8(ascii: "\""): return readString().map { .string($0) }
        case UInt8(ascii: "["): return skipAll(until: "]") { $0.readValue(depth: depth + 1) != nil }
        case UInt8(ascii: "{"): return skipAll(until: "}") { $0.readMember(depth: depth + 1) != nil }
        case UInt8(ascii: "t"): return take("true") ? .other : nil
        case UInt8(ascii: "f"): return take("false") ? .other : nil
        case UInt8(ascii: "n"): return take("null") ? .other : nil
        default: return readNumber()
        }
    }

    private mutating func skipAll(until end: StaticString, _ element: (inout EventFields) -> Bool) -> Value? {
        index += 1
        skipBlanks()
        if take(end) { return .other }
        repeat {
            guard element(&self) else { return nil }
        } while take(",")
        return take(end) ? .other : nil
    }

    private mutating func readNumber() -> Value? {
        let text = bytes[index...].prefix { Array("+-.0123456789Ee".utf8).contains($0) }
        guard !text.isEmpty else { return nil }
        index = text.endIndex
        let digits = String(decoding: text, as: UTF8.self)
        if let value = Int64(digits), text.first != UInt8(ascii: "+") { return .integer(value) }
        return Double(digits) == nil ? nil : .other
    }

    // MARK: - Strings

    private mutating func readString() -> String? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = readEscape() else { return nil }
                text += Array(String(scalar).utf8)
            case 0..<0x20: return nil
            default: text.append(byte)
            }
        }
        return nil
    }

    private mutating func readEscape() -> Unicode.Scalar? {
        guard index < bytes.count else { return nil }
        defer { index += 1 }
        switch bytes[index] {
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return readUnicode()
        case let byte where Array("\"\\/".utf8).contains(byte): return Unicode.Scalar(byte)
        default: return nil
        }
    }

    /// Reads the digits after `\u`, and the second half of a surrogate pair; ends on the last digit.
    private mutating func readUnicode() -> Unicode.Scalar? {
        guard let first = readUnit() else { return nil }
        guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) }
        guard bytes[(index + 1)...].starts(with: Array("\\u".utf8)) else { return nil }
        index += 2
        guard let second = readUnit(), UTF16.isTrailSurrogate(second) else { return nil }
        return Unicode.Scalar(0x1_0000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
    }

    private mutating func readUnit() -> UInt16? {
        let digits = bytes.dropFirst(index + 1).prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else {
            return nil
        }
        index += 4
        return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    // MARK: - Steps

    private mutating func skipBlanks() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    private mutating func take(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { text in
            guard bytes.dropFirst(index).starts(with: text) else { return false }
            index += text.count
            return true
        }
    }
}
