import Glibc

/// The error of this thread's last system call.
func lastSystemError() -> String {
    String(cString: strerror(errno))
}
