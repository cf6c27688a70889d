/// Reads replies from a socket through a buffer.
final class RESPReader {
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
    private var begin = 0
    private var end = 0

    deinit {
        buffer.deallocate()
    }

    /// Reads once what has arrived.
    func fill(from socket: UnixSocket) throws {
        if begin == end {
            (begin, end) = (0, 0)
        } else if end == buffer.count {
            guard begin > 0 else { throw LoadError("the peer's answer is longer than \(buffer.count) bytes") }
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[begin..<end]))
            (begin, end) = (0, end - begin)
        }
        end += try socket.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
    }

    /// The next complete reply.
    func next() throws -> RESPReply? {
        guard let (reply, length) = try RESPParser.parse(UnsafeRawBufferPointer(rebasing: buffer[begin..<end])) else {
            return nil
        }
        begin += length
        return reply
    }
}
