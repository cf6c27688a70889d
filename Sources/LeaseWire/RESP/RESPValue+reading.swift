/// Reads a reply as one kind. Each is `nil` if the reply is of another kind.
extension RESPValue {
    /// The number.
    package var integer: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The bytes of a string of any kind.
    package var bytes: [UInt8]? {
        switch self {
        case .bulk(let bytes), .verbatim(_, let bytes): bytes
        case .simpleString(let text): Array(text.utf8)
        default: nil
        }
    }

    /// The text of a string of any kind; bytes that are not UTF-8 are replaced.
    package var text: String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The elements of an array, a set or an event.
    package var elements: [RESPValue]? {
        switch self {
        case .array(let elements), .set(let elements), .push(let elements): elements
        default: nil
        }
    }

    /// The entries of a map, even if it came as the flat array of RESP2.
    package var entries: [RESPEntry]? {
        switch self {
        case .map(let entries): return entries
        case .array(let elements) where elements.count.isMultiple(of: 2):
            return stride(from: 0, to: elements.count, by: 2).map { RESPEntry(elements[$0], elements[$0 + 1]) }
        default: return nil
        }
    }

    /// Whether it is a null of any kind.
    package var isNull: Bool {
        self == .null || self == .nullArray
    }
}
