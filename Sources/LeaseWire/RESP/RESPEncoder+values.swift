package import NIOCore

extension RESPEncoder {
    /// Writes a whole reply.
    ///
    /// Kinds that RESP2 lacks are written as Redis writes them there.
    package func write(_ value: RESPValue, to buffer: inout ByteBuffer) {
        switch value {
        case .simpleString(let text): writeSimpleString(text, to: &buffer)
        case .error(let text): writeLine("-", text, to: &buffer)
        case .integer(let value): writeInteger(value, to: &buffer)
        case .bulk(let bytes): writeBulk(bytes, to: &buffer)
        case .null: writeNull(to: &buffer)
        case .array(let elements):
            writeArrayHeader(elements.count, to: &buffer)
            write(elements, to: &buffer)
        case .set(let elements):
            writeSetHeader(elements.count, to: &buffer)
            write(elements, to: &buffer)
        case .push(let elements):
            writePushHeader(elements.count, to: &buffer)
            write(elements, to: &buffer)
        case .map(let entries):
            writeMapHeader(entries.count, to: &buffer)
            for entry in entries {
                write(entry.key, to: &buffer)
                write(entry.value, to: &buffer)
            }
        case .verbatim, .nullArray, .boolean, .double, .bigNumber:
            switch version {
            case .resp2: writeSubstitute(for: value, to: &buffer)
            case .resp3: writeScalar(value, to: &buffer)
            }
        }
    }

    private func write(_ elements: [RESPValue], to buffer: inout ByteBuffer) {
        for element in elements {
            write(element, to: &buffer)
        }
    }

    private func writeSubstitute(for value: RESPValue, to buffer: inout ByteBuffer) {
        switch value {
        case .verbatim(_, let bytes): writeBulk(bytes, to: &buffer)
        case .nullArray: buffer.writeStaticString("*-1\r\n")
        case .boolean(let value): writeInteger(value ? 1 : 0, to: &buffer)
        case .double(let value): writeBulk(Self.text(of: value), to: &buffer)
        case .bigNumber(let digits): writeBulk(digits, to: &buffer)
        default: preconditionFailure("RESP2 has this kind itself")
        }
    }

    private func writeScalar(_ value: RESPValue, to buffer: inout ByteBuffer) {
        switch value {
        case .verbatim(let format, let bytes):
            precondition(format.utf8.count == 3, "a format has three letters")
            writeNumber("=", Int64(bytes.count + 4), to: &buffer)
            buffer.writeString(format)
            buffer.writeStaticString(":")
            buffer.writeBytes(bytes)
            buffer.writeStaticString("\r\n")
        case .boolean(let value): writeLine("#", value ? "t" : "f", to: &buffer)
        case .double(let value): writeLine(",", Self.text(of: value), to: &buffer)
        case .bigNumber(let digits): writeLine("(", digits, to: &buffer)
        default: writeNull(to: &buffer)
        }
    }

    /// A number as RESP3 writes it: `inf`, `-inf` and `nan` without further signs.
    private static func text(of value: Double) -> String {
        value.isNaN ? "nan" : "\(value)"
    }
}
