internal import Glibc

/// Whether a descriptor is connected directly to the journal: `JOURNAL_STREAM` of systemd.exec(5).
enum JournalStream {
    /// Compares the device and inode in the variable with those of the descriptor.
    ///
    /// They differ if the output was redirected after the manager had set the variable, as by a shell's `2>file`.
    ///
    /// - Parameter variable: the value of `JOURNAL_STREAM`, or `nil` if it is unset.
    static func isConnected(_ descriptor: Int32, variable: String?) -> Bool {
        guard let parts = variable?.split(separator: ":", omittingEmptySubsequences: false), parts.count == 2,
            let device = UInt64(parts[0]), let inode = UInt64(parts[1])
        else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
    }

    /// The value of `JOURNAL_STREAM`.
    static var variable: String? {
        getenv("JOURNAL_STREAM").map { String(cString: $0) }
    }
}
