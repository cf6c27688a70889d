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

/// Folders, as far as files in them have to be durable.
enum Folder {
    /// Makes a folder for this user alone, and those above it, where there is none yet; returns 0 or the errno.
    static func make(_ path: String) -> Int32 {
        var information = stat()
        if stat(path, &information) == 0 { return 0 }
        let parent = Folder.path(of: path)
        if parent != path, case let failure = make(parent), failure != 0 { return failure }
        guard mkdir(path, 0o700) == 0 else { return errno == EEXIST ? 0 : errno }
        // A file in a folder that a power loss takes back is not durable either. Where that cannot be asked for, it is
        // left to the file system.
        let failure = sync(folder: parent).failure
        return [EACCES, EINVAL, EOPNOTSUPP, ENOSYS].contains(failure) ? 0 : failure
    }

    /// The folder that a path is in.
    static func path(of path: String) -> String {
        URL(fileURLWithPath: path).deletingLastPathComponent().path
    }

    /// Makes what was done to the names in a file's folder durable.
    static func sync(of file: String) throws(StoreError) {
        let folder = path(of: file)
        let (call, failure) = sync(folder: folder)
        guard failure == 0 else { throw .failed("\(call) of", folder, failure) }
    }

    /// The errno, or 0, and the call that it is of.
    private static func sync(folder: String) -> (call: String, failure: Int32) {
        let descriptor = clinux_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return ("open", errno) }
        defer { close(descriptor) }
        return ("fsync", fsync(descriptor) == 0 ? 0 : errno)
    }
}

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

extension StoreError {
    /// A system call on a file failed.
    static func failed(_ what: String, _ path: String, _ number: Int32) -> StoreError {
        let code: Code =
            switch number {
            case EACCES, EPERM, EROFS: .denied
            case EIO, ENOSPC, EDQUOT: .ioError
            default: .cannotCreate
            }
        return StoreError(code, "\(what) \(path): \(systemMessage(number))")
    }

    /// A file is in the way.
    static func isThere(_ path: String) -> StoreError {
        StoreError(.exists, "\(path) is there already; name another file, or have it replaced")
    }
}
