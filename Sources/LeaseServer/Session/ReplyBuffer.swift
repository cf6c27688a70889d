import LeaseCore
import LeaseWire
import NIOCore

/// The replies that a session's turn has gathered, not yet given out.
///
/// A reply that rests on the turn's commit is remembered with its place. If the store refuses the commit, each of these
/// becomes that error, and the others, such as `PONG`, stay what they are.
struct ReplyBuffer {
    private(set) var bytes: ByteBuffer
    private var onCommit: [Range<Int>] = []

    init(allocator: ByteBufferAllocator = ByteBufferAllocator()) {
        bytes = allocator.buffer(capacity: 0)
    }

    /// The bytes of all replies.
    var size: Int { bytes.readableBytes }

    /// Adds a reply that is true whatever becomes of the commit.
    mutating func add(_ write: (inout ByteBuffer) -> Void) {
        write(&bytes)
    }

    /// Adds a reply that is true only if the turn's commit succeeds.
    mutating func addOnCommit(_ write: (inout ByteBuffer) -> Void) {
        let start = bytes.writerIndex
        write(&bytes)
        onCommit.append(start..<bytes.writerIndex)
    }

    /// The commit has succeeded: what rested on it stands.
    mutating func commitSucceeded() {
        onCommit.removeAll(keepingCapacity: true)
    }

    /// The commit was refused: what rested on it is the error instead.
    ///
    /// Returns how many replies that were.
    @discardableResult
    mutating func commitRefused(_ error: LeaseError, encoder: RESPEncoder) -> Int {
        let count = onCommit.count
        guard count > 0 else { return 0 }
        var kept = ByteBuffer()
        var start = bytes.readerIndex
        for range in onCommit {
            kept.writeBytes(bytes.viewBytes(at: start, length: range.lowerBound - start) ?? ByteBufferView())
            encoder.writeError(error, to: &kept)
            start = range.upperBound
        }
        kept.writeBytes(bytes.viewBytes(at: start, length: bytes.writerIndex - start) ?? ByteBufferView())
        bytes = kept
        onCommit.removeAll(keepingCapacity: true)
        return count
    }

    /// Takes all that is there.
    mutating func take() -> ByteBuffer {
        defer { bytes = ByteBuffer() }
        return bytes
    }

    /// Has what was taken, and is written, hold the next replies, unless it is large; whoever else has it keeps what it
    /// holds.
    mutating func reuse(_ taken: inout ByteBuffer) {
        guard taken.capacity <= Self.mostKept, size == 0 else { return }
        taken.clear()
        swap(&bytes, &taken)
    }

    /// How many bytes are kept for the next replies of a session.
    private static let mostKept = 512
}
