import CLinux
import Glibc
import Synchronization

/// The database files that this process has open besides what SQLite has of them.
///
/// SQLite's locks are fcntl(2)'s: they are the process's, and any close of the file gives them back, whichever descriptor
/// it is. So no file is opened a second time to ask for its lock, and the descriptor that holds one stays open as long as
/// somebody in this process reads the file.
enum DatabaseDescriptors {
    /// A file, by whatever name.
    struct File: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64

        init(_ information: stat) {
            (device, inode) = (UInt64(information.st_dev), UInt64(information.st_ino))
        }

        /// The file at a path, or `nil` if there is none.
        init?(at path: String) {
            var information = stat()
            guard stat(path, &information) == 0 else { return nil }
            self.init(information)
        }
    }

    private struct Use {
        var isLocked = false
        var readers = 0
        /// Descriptors that wait to be closed.
        var descriptors: [Int32] = []
    }

    private static let uses = Mutex<[File: Use]>([:])

    /// Whether this process has the file's lock.
    static func isLocked(_ file: File) -> Bool {
        uses.withLock { $0[file]?.isLocked ?? false }
    }

    /// This process has the file's lock.
    static func noteLock(_ file: File) {
        uses.withLock { $0[file, default: Use()].isLocked = true }
    }

    /// Gives the lock of a descriptor back, and closes it once nobody in this process reads the file.
    static func unlock(_ file: File, _ descriptor: Int32) {
        uses.withLock { uses in
            flock(descriptor, LOCK_UN)
            uses[file, default: Use()].isLocked = false
            uses[file]?.descriptors.append(descriptor)
            closeUnused(file, &uses)
        }
    }

    /// Closes a descriptor that has no lock, once nobody in this process has the file open otherwise.
    static func close(_ descriptor: Int32, of file: File) {
        uses.withLock { uses in
            uses[file, default: Use()].descriptors.append(descriptor)
            closeUnused(file, &uses)
        }
    }

    /// Somebody in this process begins to read the file.
    static func beginReading(_ file: File) {
        uses.withLock { $0[file, default: Use()].readers += 1 }
    }

    /// Somebody in this process has read the file, and closed it.
    static func endReading(_ file: File) {
        uses.withLock { uses in
            uses[file]?.readers -= 1
            closeUnused(file, &uses)
        }
    }

    private static func closeUnused(_ file: File, _ uses: inout [File: Use]) {
        guard let use = uses[file], use.readers == 0, !use.isLocked else { return }
        use.descriptors.forEach { Glibc.close($0) }
        uses[file] = nil
    }
}
