import CLinux
import Foundation
import Glibc

/// Folders, and the durability of the names in them.
enum Folder {
    /// Makes a folder, and missing ones above it, for this user alone; returns 0 or the errno.
    static func make(_ path: String) -> Int32 {
        var information = stat()
        if stat(path, &information) == 0 { return 0 }
        let parent = Folder.path(of: path)
        if parent != path, case let failure = make(parent), failure != 0 { return failure }
        guard mkdir(path, 0o700) == 0 else { return errno == EEXIST ? 0 : errno }
        // A file is not durable in a folder that a power loss can undo. If a folder cannot be synced, that is left to
        // the file system.
        let failure = sync(folder: parent).failure
        return [EACCES, EINVAL, EOPNOTSUPP, ENOSYS].contains(failure) ? 0 : failure
    }

    static func path(of path: String) -> String {
        URL(fileURLWithPath: path).deletingLastPathComponent().path
    }

    /// Makes changes to the names in a file's folder durable.
    static func sync(of file: String) throws(StoreError) {
        let folder = path(of: file)
        let (call, failure) = sync(folder: folder)
        guard failure == 0 else { throw .failed("\(call) of", folder, failure) }
    }

    /// Returns the errno, or 0, and the call that it came from.
    private static func sync(folder: String) -> (call: String, failure: Int32) {
        let descriptor = clinux_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return ("open", errno) }
        defer { close(descriptor) }
        return ("fsync", fsync(descriptor) == 0 ? 0 : errno)
    }
}
