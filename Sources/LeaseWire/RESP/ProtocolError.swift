/// Why a connection's bytes are not commands, or replies.
///
/// Nothing after such bytes can be trusted: the connection must be closed, after ``reply`` if there is one.
package struct ProtocolError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What came instead of RESP.
    package enum Kind: Hashable, Sendable {
        /// Bytes that are not a frame, or a frame over its limits.
        case malformed
        /// The words of an HTTP request, which a browser may have been tricked into sending. It gets no answer.
        case otherProtocol
    }

    /// What came instead of RESP.
    package let kind: Kind

    /// What is wrong, in Redis's words where Redis has them.
    package let text: String

    /// Creates an error.
    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    package var description: String { text }

    static func malformed(_ text: String) -> ProtocolError {
        ProtocolError(.malformed, text)
    }

    /// The line to answer before closing, without `-` and line end, or `nil` to close without an answer.
    package var reply: String? {
        kind == .malformed ? "ERR Protocol error: \(text)" : nil
    }
}
