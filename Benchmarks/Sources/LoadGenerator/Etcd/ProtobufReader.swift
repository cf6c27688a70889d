/// Finds a number in a Protocol Buffers message.
package enum ProtobufReader {
    /// The value of the field, or 0 if the message does not have it, since a 0 is left out.
    ///
    /// - Throws: `LoadError` if the bytes are not a message.
    package static func number(_ field: UInt64, in message: ArraySlice<UInt8>) throws -> UInt64 {
        var rest = message
        var found: UInt64 = 0
        while !rest.isEmpty {
            let key = try varint(&rest)
            switch key & 7 {
            case 0:
                let value = try varint(&rest)
                if key >> 3 == field { found = value }
            case 1:
                try skip(8, &rest)
            case 2:
                try skip(varint(&rest), &rest)
            case 5:
                try skip(4, &rest)
            default:
                throw malformed
            }
        }
        return found
    }

    private static let malformed = LoadError("the peer's answer is not a message of Protocol Buffers")

    private static func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw malformed }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw malformed
    }

    private static func skip(_ count: UInt64, _ rest: inout ArraySlice<UInt8>) throws {
        guard count <= rest.count else { throw malformed }
        rest.removeFirst(Int(count))
    }
}
