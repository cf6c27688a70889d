import CLinux
import Glibc

/// stdin, read in pieces.
enum StandardInput {
    /// The most bytes of a piece.
    static let pieceSize = 64 << 10

    /// All bytes up to the end.
    ///
    /// - Throws: ``Failure`` if it cannot be read, or has more than `limit` bytes.
    static func readAll(atMost limit: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try read(STDIN_FILENO)
            guard !piece.isEmpty else { return bytes }
            bytes += piece
            guard bytes.count <= limit else {
                throw Failure(
                    ExitStatus.dataError,
                    "stdin has more than \(limit) bytes, which is more than a value may have"
                )
            }
        }
    }

    /// The next piece of a descriptor; empty at its end.
    ///
    /// - Throws: ``Failure`` if it cannot be read.
    static func read(_ descriptor: Int32) throws(Failure) -> [UInt8] {
        while true {
            var error: Int32 = 0
            let piece = [UInt8](unsafeUninitializedCapacity: pieceSize) { buffer, count in
                let result = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                error = result < 0 ? errno : 0
                count = max(result, 0)
            }
            switch error {
            case 0: return piece
            case EINTR: continue
            case EAGAIN:
                // Someone else made the terminal or pipe non-blocking.
                var descriptors = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                poll(&descriptors, 1, -1)
            default: throw Failure(ExitStatus.noInput, "stdin cannot be read: \(String(cString: strerror(error)))")
            }
        }
    }
}
