import CLinux
import Glibc

/// Why a program was not executed.
///
/// Its bytes go through a pipe as they are, between two processes of the same binary.
struct ExecutionFailure: Hashable, Sendable {
    /// The error of execve(2).
    var error: Int32
    /// 1 if the file exists, so that it is one that cannot be executed.
    var isFound: Int32
}

/// Executes a program like execvp(3), except that a file which the kernel cannot execute is not passed to a shell.
///
/// There is no shell between `leasectl` and its job.
enum ProgramSearch {
    /// Replaces this process by the program; returns only on failure.
    static func execute(_ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> ExecutionFailure {
        guard let name = arguments[0], name.pointee != 0 else { return ExecutionFailure(error: ENOENT, isFound: 0) }
        guard strchr(name, Int32(UInt8(ascii: "/"))) == nil else { return attempt(name, arguments) }

        // As in execvp(3): a file that may not be executed does not end the search, but is reported at the end.
        var refused: ExecutionFailure?
        for folder in folders {
            let path = folder.isEmpty ? [] : folder + [CChar(UInt8(ascii: "/"))]
            let failure = (path + UnsafeBufferPointer(start: name, count: strlen(name) + 1)).withUnsafeBufferPointer {
                attempt($0.baseAddress!, arguments)
            }
            switch failure.error {
            case ENOENT where failure.isFound == 0: continue
            case ENOTDIR, ENAMETOOLONG, ESTALE, ENODEV, ETIMEDOUT, ELOOP: continue
            case EACCES where failure.isFound == 0: continue
            case EACCES: refused = failure
            default: return failure
            }
        }
        return refused ?? ExecutionFailure(error: ENOENT, isFound: 0)
    }

    /// The directories of PATH; an empty one is the working directory.
    private static var folders: [[CChar]] {
        guard let value = getenv("PATH") else { return ["/bin", "/usr/bin"].map { $0.utf8.map { CChar($0) } } }
        let bytes = UnsafeBufferPointer(start: value, count: strlen(value))
        return bytes.split(separator: CChar(UInt8(ascii: ":")), omittingEmptySubsequences: false).map(Array.init)
    }

    private static func attempt(
        _ path: UnsafePointer<CChar>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    ) -> ExecutionFailure {
        execve(path, arguments, Glibc.environ)
        let error = errno
        // A script whose interpreter is missing also gives ENOENT, but the file exists.
        return ExecutionFailure(error: error, isFound: access(path, F_OK) == 0 ? 1 : 0)
    }
}
