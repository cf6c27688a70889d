internal import LeaseStore

/// The right to a socket's path: the lock on `PATH.lock`, held until this object is gone.
///
/// The lock file stays when the socket goes, since a removed lock file can be locked twice.
final class PathLock: Sendable {
    private let file: FileLock

    /// Takes the lock of a socket's path.
    ///
    /// - Throws: ``ListenError/Code/inUse`` if another daemon has it; the message names its process.
    init(path: String) throws(ListenError) {
        do throws(FileLock.Failure) {
            file = try FileLock(path: path + ".lock")
        } catch {
            switch error {
            case .held(let process):
                let who = process.map { "process \($0)" } ?? "another process"
                throw ListenError(
                    .inUse,
                    "\(who) holds \(path).lock, so it serves \(path); stop it, or choose another --socket"
                )
            case .foreign(let reason):
                throw ListenError(
                    .cannotCreate,
                    "the lock \(path).lock \(reason); remove it, and choose a folder that others may not write to"
                )
            case .failed(let call, let number):
                throw ListenError(.cannotCreate, "cannot lock \(path).lock (\(call))", errorNumber: number)
            }
        }
    }
}
