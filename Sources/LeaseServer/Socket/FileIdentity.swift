internal import Glibc

/// Which file a path leads to: device and inode together are unique (stat(2)).
struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    /// The file at `path` itself, even if it is a symbolic link.
    ///
    /// Returns `nil` if there is none.
    init?(path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}
