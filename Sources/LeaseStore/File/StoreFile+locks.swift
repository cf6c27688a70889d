import Foundation
import Glibc

/// The folder of the store, and the locks that keep other processes out.
extension StoreFile {
    static func makeFolder(of path: String) throws(StoreError) {
        let folder = Folder.path(of: path)
        let failure = Folder.make(folder)
        guard failure != 0 else { return }
        throw StoreError(.cannotCreate, "the folder \(folder) of the store cannot be made: \(systemMessage(failure))")
    }

    /// Takes the lock of the store at `path`.
    ///
    /// - Parameter owner: The new owner of the lock file, or `nil` to leave it as it is.
    static func takeLock(beside path: String, owner: FileOwner? = nil) throws(StoreError) -> FileLock {
        let lockPath = path + ".lock"
        do throws(FileLock.Failure) {
            let lock = try FileLock(path: lockPath)
            if let owner { lock.give(to: owner) }
            return lock
        } catch {
            switch error {
            case .held(let pid):
                let owner = pid.map { "the process with pid \($0)" } ?? "another process"
                throw StoreError(
                    .locked,
                    "the store \(path) is in use by \(owner); stop it first, or name another file"
                )
            case .foreign(let reason):
                throw StoreError(
                    .cannotCreate,
                    "the lock \(lockPath) \(reason); remove it, and keep others from writing to the store's folder"
                )
            case .failed(let call, let number):
                throw StoreError(
                    [EACCES, EPERM, EROFS].contains(number) ? .denied : .cannotCreate,
                    "\(call) of \(lockPath): \(systemMessage(number)); the store's folder must be writable"
                )
            }
        }
    }

    /// Takes the lock of the store's file itself; `nil` if there is no file at `path`.
    ///
    /// A daemon that knows the file by another name, through a link or a mount, has another lock beside it.
    static func takeLock(ofExisting path: String) throws(StoreError) -> FileLock? {
        FileManager.default.fileExists(atPath: path) ? try takeLock(of: path) : nil
    }

    static func takeLock(of path: String) throws(StoreError) -> FileLock {
        do throws(FileLock.Failure) {
            return try FileLock(of: path)
        } catch {
            guard case .failed(let call, let number) = error else {
                throw StoreError(
                    .locked,
                    "the store \(path) is in use by a process that knows it by another name; stop that one first, or name another file"
                )
            }
            throw StoreError(.denied, "\(call) of the store \(path): \(systemMessage(number))")
        }
    }
}
