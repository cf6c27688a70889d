package import NIOCore

/// ``RESPCommandParser`` as a decoder of a NIO pipeline.
package struct RESPCommandDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = RESPFrame

    private var parser: RESPCommandParser

    /// Creates a decoder at the start of a connection.
    package init(limits: FrameLimits = FrameLimits()) {
        self.parser = RESPCommandParser(limits: limits)
    }

    package mutating func decode(buffer: inout ByteBuffer) throws -> RESPFrame? {
        try parser.next(from: &buffer)
    }

    /// Takes what is whole.
    ///
    /// A frame that was cut off by the end of the connection is nobody's command.
    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> RESPFrame? {
        try parser.next(from: &buffer)
    }
}
