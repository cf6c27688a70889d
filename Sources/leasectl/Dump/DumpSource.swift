import Glibc

/// A dump on stdin that can be read twice: first to check it, then to import it.
///
/// A file is read in place. Input from a pipe is copied to an unnamed temporary file in `$TMPDIR` or /var/tmp, which is
/// gone with this process, however it ends.
final class DumpSource: Sendable {
    /// The file for the second reading.
    private let descriptor: Int32
    /// Where the dump begins in that file.
    private let start: off_t
    private let isSpooled: Bool

    /// Reads stdin to its end, and passes each piece to `check`.
    ///
    /// - Throws: ``Failure`` if stdin cannot be read or copied, or what `check` throws.
    init(checking check: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        let position = Self.isRegularFile(STDIN_FILENO) ? lseek(STDIN_FILENO, 0, SEEK_CUR) : -1
        isSpooled = position < 0
        start = max(position, 0)
        descriptor = isSpooled ? try Self.unnamedFile() : STDIN_FILENO
        while true {
            let piece = try StandardInput.read(STDIN_FILENO)
            guard !piece.isEmpty else { return }
            try check(piece)
            if isSpooled, let error = Console.write(piece, to: descriptor) {
                throw Self.failure("what comes on stdin cannot be put aside", error)
            }
        }
    }

    deinit {
        if isSpooled { close(descriptor) }
    }

    func rewind() throws(Failure) {
        guard lseek(descriptor, start, SEEK_SET) == start else {
            throw Self.failure("the dump cannot be read again", errno)
        }
    }

    /// The next piece; empty at the end.
    func read() throws(Failure) -> [UInt8] {
        try StandardInput.read(descriptor)
    }

    private static func isRegularFile(_ descriptor: Int32) -> Bool {
        var status = Glibc.stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static func unnamedFile() throws(Failure) -> Int32 {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        var template = Array("\(folder.isEmpty ? "/var/tmp" : folder)/leasectl-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw failure("what comes on stdin cannot be put aside; set TMPDIR", errno) }
        unlink(template)
        return descriptor
    }

    private static func failure(_ what: String, _ error: Int32) -> Failure {
        Failure(ExitStatus.noInput, "\(what): \(String(cString: strerror(error)))")
    }
}
