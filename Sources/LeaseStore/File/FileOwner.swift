import CLinux
import Glibc

/// The owner of a file.
struct FileOwner: Equatable {
    let uid: UInt32
    let gid: UInt32

    /// The owner that root should give a store at `path`: the owner of the store already there, else of its folder.
    ///
    /// Returns `nil` if this process is not root: it owns what it makes.
    static func ofStore(at path: String) -> FileOwner? {
        guard geteuid() == 0 else { return nil }
        var information = stat()
        guard stat(path, &information) == 0 || stat(Folder.path(of: path), &information) == 0 else { return nil }
        return FileOwner(uid: information.st_uid, gid: information.st_gid)
    }
}
