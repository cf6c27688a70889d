internal import LeaseWire
internal import NIOCore

/// A command as a client sends it, and how failures and cancellation are handled.
struct OutgoingCommand: Sendable {
    /// What happens to a command that was sent when its caller is cancelled.
    enum WhenCancelled: Sendable {
        /// Its answer is ignored.
        case abandoned
        /// Its answer is awaited for a limited time, because it may have created something.
        case awaited
        /// It waits in a queue, on a separate connection, and leaves it: the sending side is shut down, and the daemon
        /// answers with a grant already made before it closes.
        case endsWait
    }

    let bytes: ByteBuffer
    /// Whether the frame is within the daemon's limits.
    ///
    /// A larger one would end the connection and the other calls on it.
    let fitsFrame: Bool
    /// Whether sending it twice has the same effect as sending it once.
    let isRepeatable: Bool
    /// Makes the command that undoes what the reply reports, if the caller has gone before it came.
    var undo: (@Sendable (RESPValue) -> ByteBuffer?)?
    /// Whether it also runs in a cancelled task, because it cleans up.
    private(set) var isShielded = false
    var whenCancelled = WhenCancelled.abandoned

    init(_ words: [[UInt8]], isRepeatable: Bool) {
        let bytes = ByteBuffer(command: words)
        let limits = FrameLimits()
        self.bytes = bytes
        self.fitsFrame = bytes.readableBytes <= limits.frame && words.count <= limits.arguments
        self.isRepeatable = isRepeatable
    }

    /// The same command, which also runs in a cancelled task.
    var shielded: OutgoingCommand {
        var command = self
        command.isShielded = true
        return command
    }
}

extension ByteBuffer {
    /// A command as an array of bulk strings.
    init(command words: [[UInt8]]) {
        self.init()
        let encoder = RESPEncoder()
        encoder.writeArrayHeader(words.count, to: &self)
        for word in words {
            encoder.writeBulk(word, to: &self)
        }
    }

    init(command words: String...) {
        self.init(command: words.map { Array($0.utf8) })
    }
}
