import CLinux
import Foundation
import Glibc

/// A folder of this process's own beside a file that is to be made: whatever SQLite puts beside the file while it is made
/// is in there, and nobody else gets at it (mode 0700).
///
/// The finished file is moved out by one rename, on the same file system. What a kill leaves is the folder, under a name
/// that says what it was; nothing else has happened then.
struct WorkFolder: ~Copyable {
    /// The folder.
    let path: String
    /// The file that is being made.
    var file: String { path + "/store.db" }

    private let target: String

    /// Makes the folder beside `target`, as `TARGET.PURPOSE-XXXXXX`.
    init(beside target: String, purpose: String) throws(StoreError) {
        var template = Array("\(resolvedPath(target)).\(purpose)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .failed("no folder can be made beside", target, errno)
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        self.target = target
    }

    deinit {
        // A folder that cannot be removed tells what it was by its name.
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

    /// Moves the sealed file to where it belongs, over what is there if it may.
    ///
    /// When this returns the move is durable.
    func moveIntoPlace(replacing: Bool) throws(StoreError) {
        guard replacing ? rename(file, target) == 0 : clinux_rename_new(file, target) == 0 else {
            let reason = errno
            guard reason != EEXIST else { throw .isThere(target) }
            throw .failed("rename to", target, reason)
        }
        try Folder.sync(of: target)
    }
}
