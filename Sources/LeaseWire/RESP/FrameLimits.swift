/// The limits of one frame of a client.
///
/// A frame over ``frame``, ``arguments`` or ``inline`` ends its connection, since the start of the next one is unknown.
/// An argument over ``bulk`` is read and dropped instead; its command is answered `TOOBIG` and the connection lives on.
package struct FrameLimits: Hashable, Sendable {
    /// The most bytes of a frame, its headers and dropped arguments included.
    package var frame: Int
    /// The most arguments of a frame, the command word included.
    package var arguments: Int
    /// The most bytes of an inline line, without its line end.
    package var inline: Int
    /// The most bytes of an argument that is not dropped.
    package var bulk: Int

    /// The defaults are the limits of `docs/PROTOCOL.md`, section 6.
    package init(frame: Int = 8 << 20, arguments: Int = 65_536, inline: Int = 64 << 10, bulk: Int = 1 << 20) {
        self.frame = frame
        self.arguments = arguments
        self.inline = inline
        self.bulk = bulk
    }
}
