import CLinux
import Glibc

/// Keeps the numbers 0, 1 and 2 out of the hands of `leasectl`'s own descriptors.
///
/// A program may be started with its stdin, stdout or stderr closed. The next open(2) would get that number, and the
/// job would find a socket where nothing should be. So each closed one is taken by a placeholder that the job does not
/// inherit: for the job it is closed, as it was. The placeholder can be neither read nor written, so that `leasectl`
/// itself, too, is told "bad file descriptor" there.
enum StandardStreams {
    /// To be called before anything else opens a descriptor.
    static func holdClosedOnes() {
        // The lowest free number is the one that open(2) gives: those below it are taken by then.
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            _ = clinux_open_placeholder()
        }
    }
}
