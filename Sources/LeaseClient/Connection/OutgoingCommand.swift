internal import LeaseWire
internal import NIOCore

/// A command as a client sends it, and what may be done with it when things go wrong.
struct OutgoingCommand: Sendable {
    /// What becomes of a command that was sent when its caller is cancelled.
    enum WhenCancelled: Sendable {
        /// Nobody waits for its answer any more.
        case abandoned
        /// Its answer is wanted for a while, because it may have made something.
        case awaited
        /// It waits in a queue, on a connection of its own, and leaves it: the daemon is told that no more comes, and
        /// answers what it had granted before it closes.
        case endsWait
    }

    let bytes: ByteBuffer
    /// Whether the daemon takes a frame of this size: one over its limits would end the connection, and with it other
    /// calls.
    let fitsFrame: Bool
    /// Whether sending it twice does no more than sending it once.
    let isRepeatable: Bool
    /// The command that takes back what an answer tells was made, if the caller has gone before the answer came.
    var undo: (@Sendable (RESPValue) -> ByteBuffer?)?
    /// Whether it is done also for a task that was cancelled, because it cleans up.
    private(set) var isShielded = false
    var whenCancelled = WhenCancelled.abandoned

    init(_ words: [[UInt8]], isRepeatable: Bool) {
        let bytes = ByteBuffer(command: words)
        let limits = FrameLimits()
        self.bytes = bytes
        self.fitsFrame = bytes.readableBytes <= limits.frame && words.count <= limits.arguments
        self.isRepeatable = isRepeatable
    }

    /// The same command, done also for a task that was cancelled.
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

    /// A command as an array of bulk strings.
    init(command words: String...) {
        self.init(command: words.map { Array($0.utf8) })
    }
}
