package import NIOCore

/// The limits of one reply of a server.
///
/// A reply over a limit is a ``ProtocolError``.
package struct ReplyLimits: Hashable, Sendable {
    /// The most bytes of one string.
    package var bulk: Int
    /// The most values of one reply, nested ones included.
    package var values: Int
    /// How deep arrays and maps may be nested.
    package var depth: Int

    /// The defaults fit every reply of `leased`.
    package init(bulk: Int = 64 << 20, values: Int = 8 << 20, depth: Int = 16) {
        self.bulk = bulk
        self.values = values
        self.depth = depth
    }
}

/// Cuts a server's bytes into replies, in RESP2 and RESP3.
///
/// It reads a reply value by value and keeps the open arrays and maps on a stack, so it can stop between any two bytes
/// and continue there. Strings are copied out of the buffer. Attributes are read and dropped.
package struct RESPReplyParser: Sendable {
    /// An array or a map that is still being filled.
    private struct Aggregate {
        let marker: UInt8
        /// Values still to come.
        var missing: Int
        var values: [RESPValue] = []

        /// The value once it is complete, or `nil` for an attribute, which is ignored.
        var value: RESPValue? {
            switch marker {
            case UInt8(ascii: "*"): return .array(values)
            case UInt8(ascii: "~"): return .set(values)
            case UInt8(ascii: ">"): return .push(values)
            case UInt8(ascii: "%"):
                return .map(stride(from: 0, to: values.count, by: 2).map { RESPEntry(values[$0], values[$0 + 1]) })
            default: return nil
            }
        }
    }

    private enum Item {
        case value(RESPValue)
        case aggregate(Aggregate)
    }

    private let limits: ReplyLimits
    private var open: [Aggregate] = []
    /// How many values of this reply were announced so far.
    private var count = 0
    /// How many bytes at the front of the buffer are known to hold no line end.
    private var scanned = 0

    /// Creates a parser at the start of a connection.
    package init(limits: ReplyLimits = ReplyLimits()) {
        self.limits = limits
    }

    /// Takes the next reply from the front of `buffer`, or returns `nil` if it needs more bytes.
    ///
    /// - Throws: ``ProtocolError`` if the bytes are not a reply, or are one over its limits. The connection is then
    ///   over.
    package mutating func next(from buffer: inout ByteBuffer) throws(ProtocolError) -> RESPValue? {
        while let item = try readItem(&buffer) {
            switch item {
            case .aggregate(let aggregate) where aggregate.missing > 0:
                guard open.count < limits.depth else { throw .malformed("a reply is nested too deep") }
                open.append(aggregate)
            case .aggregate(let aggregate):
                if let value = aggregate.value, let reply = close(value) { return reply }
            case .value(let value):
                if let reply = close(value) { return reply }
            }
        }
        return nil
    }

    /// Adds a value to the innermost open aggregate, and that to the one around it once it is full.
    ///
    /// Returns the reply once nothing is open.
    private mutating func close(_ value: RESPValue) -> RESPValue? {
        var value = value
        while var aggregate = open.popLast() {
            aggregate.values.append(value)
            aggregate.missing -= 1
            guard aggregate.missing == 0 else {
                open.append(aggregate)
                return nil
            }
            guard let whole = aggregate.value else { return nil }
            value = whole
        }
        count = 0
        return value
    }

    private mutating func readItem(_ buffer: inout ByteBuffer) throws(ProtocolError) -> Item? {
        guard let (marker, line) = try peekLine(buffer) else { return nil }
        let size = line.count + 3
        switch marker {
        case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
            return try readString(&buffer, marker: marker, headerSize: size, length: try integer(line))
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: "|"):
            let announced = try integer(line)
            consume(size, of: &buffer)
            if announced == -1, marker == UInt8(ascii: "*") { return .value(.nullArray) }
            let isPairs = marker == UInt8(ascii: "%") || marker == UInt8(ascii: "|")
            guard announced >= 0, announced <= limits.values else { throw .malformed("a reply has too many values") }
            let missing = Int(announced) * (isPairs ? 2 : 1)
            count += missing
            guard count <= limits.values else { throw .malformed("a reply has too many values") }
            return .aggregate(Aggregate(marker: marker, missing: missing))
        default:
            let value = try scalar(marker, line)
            consume(size, of: &buffer)
            return .value(value)
        }
    }

    private mutating func readString(
        _ buffer: inout ByteBuffer,
        marker: UInt8,
        headerSize: Int,
        length: Int64
    ) throws(ProtocolError) -> Item? {
        if length == -1, marker == UInt8(ascii: "$") {
            consume(headerSize, of: &buffer)
            return .value(.null)
        }
        guard length >= 0, length <= limits.bulk else { throw .malformed("invalid bulk length") }
        let length = Int(length)
        guard buffer.readableBytes >= headerSize + length + 2 else { return nil }
        consume(headerSize, of: &buffer)
        let bytes = buffer.readBytes(length: length) ?? []
        guard buffer.readInteger(as: UInt16.self) == 0x0D0A else { throw .malformed("a bulk without its line end") }
        switch marker {
        case UInt8(ascii: "$"): return .value(.bulk(bytes))
        case UInt8(ascii: "!"): return .value(.error(String(decoding: bytes, as: UTF8.self)))
        default:
            guard length >= 4, bytes[3] == UInt8(ascii: ":") else { throw .malformed("a text without its format") }
            return .value(.verbatim(format: String(decoding: bytes[..<3], as: UTF8.self), Array(bytes[4...])))
        }
    }

    private func scalar(_ marker: UInt8, _ line: ByteBufferView) throws(ProtocolError) -> RESPValue {
        let text = String(decoding: line, as: UTF8.self)
        switch (marker, text) {
        case (UInt8(ascii: "+"), _): return .simpleString(text)
        case (UInt8(ascii: "-"), _): return .error(text)
        case (UInt8(ascii: ":"), _): return .integer(try integer(line))
        case (UInt8(ascii: "_"), ""): return .null
        case (UInt8(ascii: "#"), "t"): return .boolean(true)
        case (UInt8(ascii: "#"), "f"): return .boolean(false)
        case (UInt8(ascii: "("), _): return .bigNumber(text)
        case (UInt8(ascii: ","), _):
            guard let value = Double(text) else { throw .malformed("'\(text.prefix(32))' is no number") }
            return .double(value)
        default:
            throw .malformed("a reply begins with '\(PrintableBytes.text(of: CollectionOfOne(marker)))'")
        }
    }

    // MARK: - Lines

    /// The marker and the text of the line at the front of the buffer, which is not consumed.
    private mutating func peekLine(_ buffer: ByteBuffer) throws(ProtocolError) -> (UInt8, ByteBufferView)? {
        let bytes = buffer.readableBytesView
        guard let marker = bytes.first else { return nil }
        guard let lineFeed = bytes.dropFirst(scanned).firstIndex(of: 0x0A) else {
            guard bytes.count <= limits.bulk else { throw .malformed("a line is too long") }
            scanned = bytes.count
            return nil
        }
        let line = bytes[..<lineFeed]
        guard line.count >= 2, line.last == 0x0D else { throw .malformed("a line without its end") }
        return (marker, line.dropFirst().dropLast())
    }

    private mutating func consume(_ size: Int, of buffer: inout ByteBuffer) {
        buffer.moveReaderIndex(forwardBy: size)
        scanned = 0
    }

    private func integer(_ line: ByteBufferView) throws(ProtocolError) -> Int64 {
        guard let value = Int64(String(decoding: line, as: UTF8.self)) else {
            throw .malformed("'\(PrintableBytes.text(of: line, limit: 32))' is no number")
        }
        return value
    }
}
