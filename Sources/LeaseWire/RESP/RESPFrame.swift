package import NIOCore

/// One command as it came: its words, not yet understood.
package struct RESPFrame: Hashable, Sendable {
    /// The words, the command's own first.
    ///
    /// Never empty.
    package var arguments: [RESPArgument]

    /// Creates a frame.
    package init(arguments: [RESPArgument]) {
        precondition(!arguments.isEmpty, "a frame has at least a command word")
        self.arguments = arguments
    }
}

/// One word of a command.
package enum RESPArgument: Hashable, Sendable {
    /// The bytes. A slice of the read buffer where that was possible.
    case bytes(ByteBuffer)
    /// An argument over its limit, which is `limit` bytes, with the length that was announced. Its bytes were dropped
    /// as they came.
    case oversized(length: Int, limit: Int)
    /// A null bulk string (`$-1`), which no command takes.
    case null
}
