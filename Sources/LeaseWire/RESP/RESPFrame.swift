package import NIOCore

/// One command as it arrived: its words, not yet parsed.
package struct RESPFrame: Hashable, Sendable {
    /// The words, the command's own first.
    package var arguments: [RESPArgument]

    /// Creates a frame.
    package init(arguments: [RESPArgument]) {
        self.arguments = arguments
    }

    /// Whether it has no words: `*0`, `*-1` or a blank line, which are ignored.
    package var isEmpty: Bool { arguments.isEmpty }
}

/// One word of a command.
package enum RESPArgument: Hashable, Sendable {
    /// The bytes; a slice of the read buffer where possible.
    case bytes(ByteBuffer)
    /// An argument over its limit of `limit` bytes, with the announced length. Its bytes were dropped as they came.
    case oversized(length: Int, limit: Int)
    /// A null bulk string (`$-1`), which no command takes.
    case null
}
