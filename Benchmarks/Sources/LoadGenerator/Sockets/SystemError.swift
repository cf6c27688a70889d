import Glibc

/// What the last system call of this thread complained of.
func lastSystemError() -> String {
    String(cString: strerror(errno))
}
