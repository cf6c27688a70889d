package import NIOCore

/// Cuts a client's bytes into frames.
///
///     *3 CRLF  $7 CRLF ACQUIRE CRLF  $6 CRLF backup CRLF  $3 CRLF 30s CRLF      an array of bulk strings
///     ACQUIRE backup 30s LF                                                     an inline line, typed by a person
///
/// The parser is a value beside the buffer. It takes what is there and remembers where it stopped, so each byte is
/// looked at once however the bytes arrive. When it stops within a frame it copies the arguments so far out of the
/// buffer: otherwise they would share its storage, and every later write to the buffer would copy it all.
///
/// Its memory is bounded by ``FrameLimits``: counts and lengths are checked when they are announced, before memory is
/// taken for them, and the bytes of an argument over its limit are dropped as they come.
package struct RESPCommandParser: Sendable {
    private enum State: Sendable {
        /// Before the first byte of a frame.
        case start
        /// In an inline line, of which the first `scanned` bytes hold no line feed.
        case inline(scanned: Int)
        /// Before the header of an argument.
        case header
        /// Before the bytes of an argument.
        case bulk(length: Int)
        /// In an argument over its limit, of which `rest` bytes are still to be dropped.
        case dropping(length: Int, rest: Int)
        /// After an error.
        case failed(ProtocolError)
    }

    private enum Step {
        case again
        case starved
        case frame(RESPFrame)
    }

    /// The most places for arguments that are kept between frames.
    private static let keptCapacity = 16

    private let limits: FrameLimits
    private var state = State.start
    /// The arguments of the frame so far.
    private var arguments: [RESPArgument] = []
    /// How many of them do not share the buffer's storage.
    private var detached = 0
    /// Arguments still to come.
    private var missing = 0
    /// Bytes of the frame so far, those announced included.
    private var length = 0

    /// Creates a parser at the start of a connection.
    package init(limits: FrameLimits = FrameLimits()) {
        self.limits = limits
    }

    /// Takes the next frame from the front of `buffer`, or returns `nil` if it needs more bytes.
    ///
    /// `buffer` must hold what the last call left in it, and then what has arrived since. Empty frames are returned
    /// like others, so that the caller can count them.
    ///
    /// - Throws: ``ProtocolError`` if the bytes are not a frame, or are one over its limits. The connection is then
    ///   over: every later call throws the same.
    package mutating func next(from buffer: inout ByteBuffer) throws(ProtocolError) -> RESPFrame? {
        do throws(ProtocolError) {
            while true {
                switch try step(&buffer) {
                case .again: continue
                case .frame(let frame): return frame
                case .starved:
                    if case .start = state {
                        // The previous frame is parsed by now: free its bytes, and keep the capacity.
                        arguments.removeAll(keepingCapacity: arguments.capacity <= Self.keptCapacity)
                    } else {
                        detach()
                    }
                    return nil
                }
            }
        } catch {
            state = .failed(error)
            arguments = []
            throw error
        }
    }

    private mutating func step(_ buffer: inout ByteBuffer) throws(ProtocolError) -> Step {
        switch state {
        case .start:
            guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return .starved }
            guard first == UInt8(ascii: "*") else {
                state = .inline(scanned: 0)
                return .again
            }
            return try readCount(&buffer)
        case .inline(let scanned):
            return try readLine(&buffer, scanned: scanned)
        case .header:
            return try readHeader(&buffer)
        case .bulk(let length):
            guard buffer.readableBytes >= length + 2 else { return .starved }
            guard let bytes = buffer.readSlice(length: length) else { return .starved }
            try readLineEnd(&buffer, length: length)
            return finish(.bytes(bytes))
        case .dropping(let length, let rest):
            let dropped = min(rest, buffer.readableBytes)
            buffer.moveReaderIndex(forwardBy: dropped)
            state = .dropping(length: length, rest: rest - dropped)
            guard rest == dropped, buffer.readableBytes >= 2 else { return .starved }
            try readLineEnd(&buffer, length: length)
            return finish(.oversized(length: length, limit: limits.bulk))
        case .failed(let error):
            throw error
        }
    }

    // MARK: - Arrays

    private mutating func readCount(_ buffer: inout ByteBuffer) throws(ProtocolError) -> Step {
        let line = LengthLine(in: buffer)
        switch line {
        case .incomplete: return .starved
        case .endless: throw .malformed("too big mbulk count string")
        case .malformed: throw .malformed("invalid multibulk length")
        case .length(let count, let size):
            guard count >= -1 else { throw .malformed("invalid multibulk length") }
            guard count <= limits.arguments else {
                throw .malformed("invalid multibulk length, the most is \(limits.arguments) arguments")
            }
            buffer.moveReaderIndex(forwardBy: size)
            guard count > 0 else { return .frame(RESPFrame(arguments: [])) }
            arguments.removeAll(keepingCapacity: arguments.capacity <= Self.keptCapacity)
            arguments.reserveCapacity(min(count, Self.keptCapacity))
            missing = count
            length = size
            state = .header
            return .again
        }
    }

    private mutating func readHeader(_ buffer: inout ByteBuffer) throws(ProtocolError) -> Step {
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return .starved }
        guard first == UInt8(ascii: "$") else {
            throw .malformed("expected '$', got '\(PrintableBytes.text(of: CollectionOfOne(first)))'")
        }
        switch LengthLine(in: buffer) {
        case .incomplete: return .starved
        case .endless: throw .malformed("too big bulk count string")
        case .malformed: throw .malformed("invalid bulk length")
        case .length(let announced, let size):
            guard announced >= -1 else { throw .malformed("invalid bulk length") }
            guard announced >= 0 else {
                buffer.moveReaderIndex(forwardBy: size)
                length += size
                return finish(.null)
            }
            guard announced <= limits.frame, length + size + announced + 2 <= limits.frame else {
                throw .malformed("invalid bulk length, the most is \(limits.frame) bytes in a frame")
            }
            buffer.moveReaderIndex(forwardBy: size)
            length += size + announced + 2
            state =
                announced <= limits.bulk ? .bulk(length: announced) : .dropping(length: announced, rest: announced)
            return .again
        }
    }

    private func readLineEnd(_ buffer: inout ByteBuffer, length: Int) throws(ProtocolError) {
        guard buffer.readInteger(as: UInt16.self) == 0x0D0A else {
            throw .malformed("expected a line end after a bulk of \(length) bytes")
        }
    }

    private mutating func finish(_ argument: RESPArgument) -> Step {
        arguments.append(argument)
        missing -= 1
        state = .header
        return missing > 0 ? .again : finish()
    }

    private mutating func finish() -> Step {
        // The next frame reuses the array, if this frame is gone by then.
        let frame = RESPFrame(arguments: arguments)
        detached = 0
        state = .start
        return .frame(frame)
    }

    /// Copies what still shares the buffer's storage, all at once: one allocation per read, not per argument.
    private mutating func detach() {
        guard detached < arguments.count else { return }
        var copy = ByteBuffer()
        for case .bytes(let bytes) in arguments[detached...] {
            copy.writeBytes(bytes.readableBytesView)
        }
        while detached < arguments.count {
            if case .bytes(let bytes) = arguments[detached], let own = copy.readSlice(length: bytes.readableBytes) {
                arguments[detached] = .bytes(own)
            }
            detached += 1
        }
    }

    // MARK: - Inline lines

    private mutating func readLine(_ buffer: inout ByteBuffer, scanned: Int) throws(ProtocolError) -> Step {
        let unseen = buffer.readableBytesView.dropFirst(scanned)
        guard let lineFeed = unseen.firstIndex(of: UInt8(ascii: "\n")) else {
            // A carriage return may be half of a line end.
            let size = buffer.readableBytes - (unseen.last == UInt8(ascii: "\r") ? 1 : 0)
            guard size <= limits.inline else { throw .malformed("too big inline request") }
            state = .inline(scanned: buffer.readableBytes)
            return .starved
        }
        let size = lineFeed - buffer.readerIndex
        var line = buffer.readableBytesView.prefix(size)
        if line.last == UInt8(ascii: "\r") {
            line.removeLast()
        }
        guard line.count <= limits.inline else { throw .malformed("too big inline request") }
        guard !InlineWords.isOtherProtocol(line) else {
            throw ProtocolError(.otherProtocol, "an HTTP request")
        }
        guard let words = InlineWords.split(line) else { throw .malformed("unbalanced quotes in request") }
        guard words.count <= limits.arguments else { throw .malformed("too big inline request") }
        buffer.moveReaderIndex(forwardBy: size + 1)
        state = .start
        guard !words.isEmpty else { return .frame(RESPFrame(arguments: [])) }
        arguments = words.map {
            $0.count <= limits.bulk ? .bytes(ByteBuffer(bytes: $0)) : .oversized(length: $0.count, limit: limits.bulk)
        }
        return finish()
    }
}
