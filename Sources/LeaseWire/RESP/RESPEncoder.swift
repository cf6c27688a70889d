package import LeaseCore
package import NIOCore

/// Writes replies directly into a connection's buffer, in the connection's version of RESP.
///
/// The headers of arrays, maps and push frames are written before their elements, so that a long reply never exists as
/// a tree.
package struct RESPEncoder: Hashable, Sendable {
    /// The version that replies are written in.
    package var version: RESPVersion

    /// Creates an encoder; a connection begins with RESP2.
    package init(version: RESPVersion = .resp2) {
        self.version = version
    }

    /// Writes `+OK`.
    package func writeOK(to buffer: inout ByteBuffer) {
        buffer.writeStaticString("+OK\r\n")
    }

    /// Writes a short text.
    ///
    /// Control characters become `?`, since a line end would end the reply.
    package func writeSimpleString(_ text: String, to buffer: inout ByteBuffer) {
        writeLine("+", text, to: &buffer)
    }

    /// Writes an error: its word, and its sentence without control characters.
    package func writeError(_ error: LeaseError, to buffer: inout ByteBuffer) {
        writeLine("-", "\(error.code.word) \(error.message)", to: &buffer)
    }

    /// Writes the answer to bytes that are not a frame, if they get one.
    package func writeError(_ error: ProtocolError, to buffer: inout ByteBuffer) {
        guard let reply = error.reply else { return }
        writeLine("-", reply, to: &buffer)
    }

    /// Writes an integer.
    package func writeInteger(_ value: Int64, to buffer: inout ByteBuffer) {
        writeNumber(":", value, to: &buffer)
    }

    /// Writes a string of any bytes.
    package func writeBulk(_ bytes: some Collection<UInt8>, to buffer: inout ByteBuffer) {
        writeNumber("$", Int64(bytes.count), to: &buffer)
        buffer.writeBytes(bytes)
        buffer.writeStaticString("\r\n")
    }

    /// Writes a string of any bytes.
    package func writeBulk(_ bytes: ByteBuffer, to buffer: inout ByteBuffer) {
        writeNumber("$", Int64(bytes.readableBytes), to: &buffer)
        buffer.writeImmutableBuffer(bytes)
        buffer.writeStaticString("\r\n")
    }

    /// Writes a string.
    package func writeBulk(_ text: String, to buffer: inout ByteBuffer) {
        writeNumber("$", Int64(text.utf8.count), to: &buffer)
        buffer.writeString(text)
        buffer.writeStaticString("\r\n")
    }

    /// Writes text for people; in RESP3 with its format, which makes redis-cli show it as it is.
    package func writeText(_ text: String, to buffer: inout ByteBuffer) {
        write(.verbatim(format: "txt", Array(text.utf8)), to: &buffer)
    }

    /// Writes a null.
    package func writeNull(to buffer: inout ByteBuffer) {
        switch version {
        case .resp2: buffer.writeStaticString("$-1\r\n")
        case .resp3: buffer.writeStaticString("_\r\n")
        }
    }

    /// Announces an array; its `count` elements are written next.
    package func writeArrayHeader(_ count: Int, to buffer: inout ByteBuffer) {
        writeNumber("*", Int64(count), to: &buffer)
    }

    /// Announces a map; its `count` names and values are written next, alternately.
    package func writeMapHeader(_ count: Int, to buffer: inout ByteBuffer) {
        switch version {
        case .resp2: writeNumber("*", Int64(count) * 2, to: &buffer)
        case .resp3: writeNumber("%", Int64(count), to: &buffer)
        }
    }

    /// Announces a set; its `count` elements are written next.
    package func writeSetHeader(_ count: Int, to buffer: inout ByteBuffer) {
        writeNumber(version == .resp2 ? "*" : "~", Int64(count), to: &buffer)
    }

    /// Announces an event; its `count` elements are written next.
    package func writePushHeader(_ count: Int, to buffer: inout ByteBuffer) {
        writeNumber(version == .resp2 ? "*" : ">", Int64(count), to: &buffer)
    }

    // MARK: - Lines

    /// Writes a marker, a number and a line end, without an intermediate string.
    func writeNumber(_ marker: Unicode.Scalar, _ value: Int64, to buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 24) { bytes in
            bytes[0] = UInt8(ascii: marker)
            var rest = value.magnitude
            var digits = 1
            while rest >= 10 {
                rest /= 10
                digits += 1
            }
            let start = value < 0 ? 2 : 1
            if value < 0 {
                bytes[1] = UInt8(ascii: "-")
            }
            rest = value.magnitude
            for index in (start..<start + digits).reversed() {
                bytes[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
                rest /= 10
            }
            bytes[start + digits] = 0x0D
            bytes[start + digits + 1] = 0x0A
            return start + digits + 2
        }
    }

    /// Writes a marker, a text and a line end.
    func writeLine(_ marker: Unicode.Scalar, _ text: String, to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(ascii: marker))
        let start = buffer.writerIndex
        let count = buffer.writeString(text)
        for index in start..<start + count {
            if let byte = buffer.getInteger(at: index, as: UInt8.self), byte < 0x20 || byte == 0x7F {
                buffer.setInteger(UInt8(ascii: "?"), at: index)
            }
        }
        buffer.writeStaticString("\r\n")
    }
}
