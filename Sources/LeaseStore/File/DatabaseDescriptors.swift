import CLinux
import Glibc
import Synchronization

/// The database files that this process has open outside SQLite.
///
/// SQLite's locks are fcntl(2) locks: they belong to the process, and any close of the file releases them, whichever
/// descriptor is closed. So no file is opened a second time to test its lock, and the descriptor that holds a lock
/// stays open while anything in this process reads the file.
enum DatabaseDescriptors {
    /// A file, whatever its name.
    struct File: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64

        init(_ information: stat) {
            (device, inode) = (UInt64(information.st_dev), UInt64(information.st_ino))
        }

        init?(at path: String) {
            var information = stat()
            guard stat(path, &information) == 0 else { return nil }
            self.init(information)
        }
    }

    private struct Use {
        var isLocked = false
        var readers = 0
        var descriptors: [Int32] = []
    }

    private static let uses = Mutex<[File: Use]>([:])

    /// Whether this process holds the file's lock.
    static func isLocked(_ file: File) -> Bool {
        uses.withLock { $0[file]?.isLocked ?? false }
    }

    static func noteLock(_ file: File) {
        uses.withLock { $0[file, default: Use()].isLocked = true }
    }

    /// Releases a descriptor's lock, and closes the descriptor once nothing in this process reads the file.
    static func unlock(_ file: File, _ descriptor: Int32) {
        uses.withLock { uses in
            flock(descriptor, LOCK_UN)
            uses[file, default: Use()].isLocked = false
            uses[file]?.descriptors.append(descriptor)
            closeUnused(file, &uses)
        }
    }

    /// Closes a descriptor without a lock once nothing else in this process has the file open.
    static func close(_ descriptor: Int32, of file: File) {
        uses.withLock { uses in
            uses[file, default: Use()].descriptors.append(descriptor)
            closeUnused(file, &uses)
        }
    }

    static func beginReading(_ file: File) {
        uses.withLock { $0[file, default: Use()].readers += 1 }
    }

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
