import LeaseCore
import LeaseWire
import NIOCore

/// The replies that a session has gathered in a turn and not yet written.
///
/// A reply that rests on the turn's commit is remembered with its place. If the store refuses the commit, each of these
/// becomes that error; the others, such as `PONG`, stay as they are.
struct ReplyBuffer {
    private(set) var bytes: ByteBuffer
    private var onCommit: [Range<Int>] = []

    init(allocator: ByteBufferAllocator = ByteBufferAllocator()) {
        bytes = allocator.buffer(capacity: 0)
    }

    var size: Int { bytes.readableBytes }

    /// Adds a reply that does not depend on the commit.
    mutating func add(_ write: (inout ByteBuffer) -> Void) {
        write(&bytes)
    }

    /// Adds a reply that is true only if the turn's commit succeeds.
    mutating func addOnCommit(_ write: (inout ByteBuffer) -> Void) {
        let start = bytes.writerIndex
        write(&bytes)
        onCommit.append(start..<bytes.writerIndex)
    }

    /// The commit has succeeded: the replies that rested on it stand.
    mutating func commitSucceeded() {
        onCommit.removeAll(keepingCapacity: true)
    }

    /// The commit was refused: the replies that rested on it become the error.
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

    mutating func take() -> ByteBuffer {
        defer { bytes = ByteBuffer() }
        return bytes
    }

    /// Reuses a written buffer's storage for the next replies, unless it is large.
    ///
    /// Other references to it are unaffected.
    mutating func reuse(_ taken: inout ByteBuffer) {
        guard taken.capacity <= Self.mostKept, size == 0 else { return }
        taken.clear()
        swap(&bytes, &taken)
    }

    /// The largest buffer that is kept for a session's next replies, in bytes.
    private static let mostKept = 512
}
