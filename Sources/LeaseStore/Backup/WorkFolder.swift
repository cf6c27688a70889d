import CLinux
import Foundation
import Glibc

/// A private folder beside a file that is being made.
///
/// It also holds whatever SQLite puts beside the file meanwhile, and only this user can enter it (mode 0700). The
/// finished file is moved out by one rename, on the same file system. A kill leaves the folder, under a name that says
/// what it was; nothing else has happened then.
struct WorkFolder: ~Copyable {
    let path: String
    var file: String { path + "/store.db" }

    private let target: String

    /// Creates the folder beside `target`, as `TARGET.PURPOSE-XXXXXX`.
    init(beside target: String, purpose: String) throws(StoreError) {
        var template = Array("\(resolvedPath(target)).\(purpose)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .failed("no folder can be made beside", target, errno)
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        self.target = target
    }

    deinit {
        // If it cannot be removed, its name tells what it was.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Makes the file durable, with this owner and mode 0600.
    func seal(owner: FileOwner?) throws(StoreError) {
        let descriptor = clinux_open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0)
        guard descriptor >= 0 else { throw .failed("open of", file, errno) }
        defer { close(descriptor) }
        if let owner {
            guard fchown(descriptor, owner.uid, owner.gid) == 0 else { throw .failed("chown of", file, errno) }
        }
        guard fchmod(descriptor, 0o600) == 0 else { throw .failed("chmod of", file, errno) }
        guard fsync(descriptor) == 0 else { throw .failed("fsync of", file, errno) }
    }

    /// Moves the sealed file to its place, over an existing file if that is allowed.
    ///
    /// The move is durable when this returns.
    func moveIntoPlace(replacing: Bool) throws(StoreError) {
        guard replacing ? rename(file, target) == 0 : clinux_rename_new(file, target) == 0 else {
            let reason = errno
            guard reason != EEXIST else { throw .isThere(target) }
            throw .failed("rename to", target, reason)
        }
        try Folder.sync(of: target)
    }
}
