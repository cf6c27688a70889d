import GRDBSQLite
import Glibc
import Synchronization

/// A disk that a test can make full, make fail, and cut the power of: everything that SQLite writes into one folder
/// passes through it.
///
/// SQLite asks its file system layer (sqlite.org/vfs.html) for every write and sync. This layer is placed before the
/// system's and passes everything on, but for files in a watched folder it asks the folder's disk first. It keeps a log
/// of the writes and syncs, and computes from it what a power loss at any instant may leave: everything up to each
/// file's last sync, and any part of the writes after it.
final class FaultyDisk: Sendable {
    /// An operation that SQLite performs on a file.
    struct Operation {
        enum Call { case write, truncate, sync, growSharedMemory }
        let call: Call
        /// The file's name in the folder.
        let file: String
        var offset = 0
        var bytes: [UInt8] = []
    }

    private struct State {
        var fault: (@Sendable (Operation) -> Int32?)?
        var baseline: [String: [UInt8]] = [:]
        var log: [Operation] = []
        var isRecording = false
    }

    private let folder: String
    private let state = Mutex(State())

    /// Watches `folder` until ``detach()``.
    init(folder: String) {
        self.folder = folder
        DiskLayer.watch(folder + "/", self)
    }

    /// Stops watching the folder; files that are open stay watched.
    func detach() {
        DiskLayer.watch(folder + "/", nil)
    }

    /// Asks `fault` about each operation from now on; the operation fails with the SQLite code that it returns.
    func fail(_ fault: (@Sendable (Operation) -> Int32?)?) {
        state.withLock { $0.fault = fault }
    }

    /// Regards the files' present content as safe, and records the operations from now on.
    func record(over baseline: [String: [UInt8]]) {
        state.withLock {
            $0.baseline = baseline
            $0.log = []
            $0.isRecording = true
        }
    }

    /// How many operations have been recorded.
    var operations: Int { state.withLock { $0.log.count } }

    /// What a power loss after `count` operations leaves in the files.
    ///
    /// - Parameter survives: Asked about each sector of 512 bytes that was written after its file's last sync.
    func image(after count: Int, where survives: () -> Bool) -> [String: [UInt8]] {
        let (baseline, log) = state.withLock { ($0.baseline, $0.log.prefix(count)) }
        var safe = baseline
        var pending: [String: [Operation]] = [:]
        for operation in log {
            if operation.call == .sync {
                for write in pending.removeValue(forKey: operation.file) ?? [] {
                    Self.apply(write, to: &safe[operation.file, default: []])
                }
            } else {
                pending[operation.file, default: []].append(operation)
            }
        }
        for (file, writes) in pending {
            for write in writes {
                for sector in Self.sectors(of: write) where survives() {
                    Self.apply(sector, to: &safe[file, default: []])
                }
            }
        }
        return safe
    }

    private static func sectors(of operation: Operation) -> [Operation] {
        guard operation.call == .write else { return [operation] }
        return stride(from: 0, to: operation.bytes.count, by: 512).map { start in
            let bytes = Array(operation.bytes[start..<min(start + 512, operation.bytes.count)])
            return Operation(call: .write, file: operation.file, offset: operation.offset + start, bytes: bytes)
        }
    }

    private static func apply(_ operation: Operation, to bytes: inout [UInt8]) {
        if operation.call == .truncate {
            bytes.removeLast(max(bytes.count - operation.offset, 0))
            return
        }
        let end = operation.offset + operation.bytes.count
        if bytes.count < end {
            bytes.append(contentsOf: [UInt8](repeating: 0, count: end - bytes.count))
        }
        bytes.replaceSubrange(operation.offset..<end, with: operation.bytes)
    }

    /// Whether an operation must fail; recorded if not.
    fileprivate func begin(_ operation: Operation) -> Int32? {
        let fault = state.withLock { $0.fault }
        // Outside the lock: a fault may also make the operation wait.
        if let code = fault?(operation) {
            return code
        }
        if operation.call != .growSharedMemory {
            state.withLock { state in
                if state.isRecording {
                    state.log.append(operation)
                }
            }
        }
        return nil
    }
}

/// The layer that is placed before the system's.
private enum DiskLayer {
    private struct OpenFile {
        let disk: FaultyDisk
        let name: String
        let methods: UnsafePointer<sqlite3_io_methods>
    }

    private struct Registry: @unchecked Sendable {
        // The pointers are to tables that SQLite and this file never change after creation.
        var disks: [String: FaultyDisk] = [:]
        var files: [UnsafeMutablePointer<sqlite3_file>: OpenFile] = [:]
        var methods: [UnsafePointer<sqlite3_io_methods>: UnsafePointer<sqlite3_io_methods>] = [:]
    }

    private static let registry = Mutex(Registry())

    // The system's layer is found once, before ours is registered, and never changes.
    nonisolated(unsafe) private static let system: UnsafeMutablePointer<sqlite3_vfs> = {
        guard let system = sqlite3_vfs_find(nil) else { fatalError("SQLite has no file system layer") }
        let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        layer.initialize(to: system.pointee)
        layer.pointee.zName = UnsafePointer(strdup("watched"))
        layer.pointee.xOpen = { _, name, file, flags, outFlags in
            DiskLayer.open(name, file, flags, outFlags)
        }
        sqlite3_vfs_register(layer, 1)
        return system
    }()

    static func watch(_ folder: String, _ disk: FaultyDisk?) {
        _ = system
        registry.withLock { $0.disks[folder] = disk }
    }

    private static func open(
        _ name: UnsafePointer<CChar>?,
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ flags: Int32,
        _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        let code = system.pointee.xOpen(system, name, file, flags, outFlags)
        guard code == SQLITE_OK, let name, let file, let methods = file.pointee.pMethods else { return code }
        let path = String(cString: name)
        registry.withLock { registry in
            guard let folder = registry.disks.keys.first(where: { path.hasPrefix($0) }),
                let disk = registry.disks[folder]
            else { return }
            let watched = registry.methods[methods] ?? watching(methods)
            registry.methods[methods] = watched
            let name = String(path.dropFirst(folder.count))
            registry.files[file] = OpenFile(disk: disk, name: name, methods: methods)
            file.pointee.pMethods = watched
        }
        return code
    }

    private static func entry(of file: UnsafeMutablePointer<sqlite3_file>?) -> OpenFile? {
        registry.withLock { registry in
            // Sound: see Registry.
            nonisolated(unsafe) let entry = file.flatMap { registry.files[$0] }
            return entry
        }
    }

    /// The system's table of methods, in which those that change a file go through its disk.
    private static func watching(_ methods: UnsafePointer<sqlite3_io_methods>) -> UnsafePointer<sqlite3_io_methods> {
        let watched = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        watched.initialize(to: methods.pointee)
        watched.pointee.xWrite = { file, bytes, count, offset in
            guard let entry = DiskLayer.entry(of: file), let bytes else { return SQLITE_MISUSE }
            let content = Array(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            let write = FaultyDisk.Operation(call: .write, file: entry.name, offset: Int(offset), bytes: content)
            if let code = entry.disk.begin(write) {
                // A write that fails has been done in part.
                _ = entry.methods.pointee.xWrite(file, bytes, count / 2, offset)
                return code
            }
            return entry.methods.pointee.xWrite(file, bytes, count, offset)
        }
        watched.pointee.xTruncate = { file, size in
            guard let entry = DiskLayer.entry(of: file) else { return SQLITE_MISUSE }
            let truncation = FaultyDisk.Operation(call: .truncate, file: entry.name, offset: Int(size))
            return entry.disk.begin(truncation) ?? entry.methods.pointee.xTruncate(file, size)
        }
        watched.pointee.xSync = { file, flags in
            guard let entry = DiskLayer.entry(of: file) else { return SQLITE_MISUSE }
            let sync = FaultyDisk.Operation(call: .sync, file: entry.name)
            return entry.disk.begin(sync) ?? entry.methods.pointee.xSync(file, flags)
        }
        watched.pointee.xShmMap = { file, page, size, isExtending, address in
            guard let entry = DiskLayer.entry(of: file) else { return SQLITE_MISUSE }
            let growth = FaultyDisk.Operation(call: .growSharedMemory, file: entry.name, offset: Int(page))
            if isExtending != 0, let code = entry.disk.begin(growth) {
                return code
            }
            return entry.methods.pointee.xShmMap(file, page, size, isExtending, address)
        }
        watched.pointee.xClose = { file in
            guard let entry = DiskLayer.entry(of: file), let file else { return SQLITE_MISUSE }
            DiskLayer.registry.withLock { $0.files[file] = nil }
            return entry.methods.pointee.xClose(file)
        }
        return UnsafePointer(watched)
    }
}
