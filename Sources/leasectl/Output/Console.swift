import CLinux
import Glibc

/// stdout and stderr, unbuffered: what was written stays written, even if the process is killed next.
enum Console {
    /// Writes to stdout.
    ///
    /// - Throws: ``Failure`` if it cannot be written: a full disk, a closed stdout. If the reader has gone away, it has
    ///   the exit code of SIGPIPE and no message.
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

    /// Prints on stderr what is wrong, as one line; the sentence may quote foreign text.
    ///
    /// A failure to write is ignored.
    static func complain(_ sentence: String) {
        _ = write(Array("leasectl: \(PrintableText.sentence(sentence))\n".utf8), to: STDERR_FILENO)
    }

    /// Writes all bytes; returns the error that stopped it, if any.
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
