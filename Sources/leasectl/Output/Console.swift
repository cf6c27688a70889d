import CLinux
import Glibc

/// stdout and stderr, without buffers between: what was said is said, also when the process is killed next.
enum Console {
    /// Writes to stdout.
    ///
    /// - Throws: ``Failure`` if it cannot be written: a full disk, a closed stdout. A reader that has gone away is told
    ///   as a shell tells it, without a word.
    static func write(_ text: String) throws(Failure) {
        try write(Array(text.utf8))
    }

    /// Writes bytes to stdout as they are.
    ///
    /// - Throws: what ``write(_:)-(String)`` throws.
    static func write(_ bytes: [UInt8]) throws(Failure) {
        guard let error = write(bytes, to: STDOUT_FILENO) else { return }
        guard error != EPIPE else { throw Failure(ExitStatus.signalled(SIGPIPE), "") }
        throw Failure(ExitStatus.outputError, "stdout cannot be written: \(String(cString: strerror(error)))")
    }

    /// Writes one line to stdout.
    static func writeLine(_ line: String) throws(Failure) {
        try write(line + "\n")
    }

    /// Says on stderr what is wrong, on one line, which may quote what others have said.
    ///
    /// There is nobody to tell if that fails.
    static func complain(_ sentence: String) {
        _ = write(Array("leasectl: \(PrintableText.sentence(sentence))\n".utf8), to: STDERR_FILENO)
    }

    /// Writes all bytes, and returns the error that stopped it, if one did.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // Someone else made the terminal or pipe non-blocking.
                var descriptors = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&descriptors, 1, -1)
                continue
            }
            guard count >= 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return nil
    }
}
