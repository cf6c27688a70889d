import CLinux
import Glibc

/// Who a file belongs to.
struct FileOwner: Equatable {
    let uid: UInt32
    let gid: UInt32

    /// Whom a store at `path` is to belong to if root makes it: the owner of the one that is there, else of its folder.
    ///
    /// `nil` if this process is not root: what it makes is its own.
    static func ofStore(at path: String) -> FileOwner? {
        guard geteuid() == 0 else { return nil }
        var information = stat()
        guard stat(path, &information) == 0 || stat(Folder.path(of: path), &information) == 0 else { return nil }
        return FileOwner(uid: information.st_uid, gid: information.st_gid)
    }
}
