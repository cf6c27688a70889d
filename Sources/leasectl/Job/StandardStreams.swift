import CLinux
import Glibc

/// Keeps the numbers 0, 1 and 2 from being used for `leasectl`'s own descriptors.
///
/// A program may be started with stdin, stdout or stderr closed. The next open(2) would get that number, and the job
/// would find a socket there. So a placeholder that the job does not inherit takes each closed number: for the job it
/// stays closed. The placeholder can be neither read nor written, so `leasectl` itself still gets "bad file
/// descriptor".
enum StandardStreams {
    /// Must be called before anything else opens a descriptor.
    static func holdClosedOnes() {
        // open(2) returns the lowest free number; those below are taken by then.
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            _ = clinux_open_placeholder()
        }
    }
}
