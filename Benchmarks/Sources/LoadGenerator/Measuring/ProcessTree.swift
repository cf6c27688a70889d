import Glibc

/// A process with all its descendants; PostgreSQL has several.
package struct ProcessTree: Sendable {
    package let root: Int32

    package init(root: Int32) {
        self.root = root
    }

    /// User and system time of all of them, in nanoseconds.
    ///
    /// The difference between two readings is what the tree used between them. It includes a child that began and ended
    /// in between, through its parent's account.
    package func processorTime() throws -> UInt64 {
        let stats = try Self.allProcesses()
        guard stats[root] != nil else { throw LoadError("the peer's process \(root) has ended") }
        var children: [Int32: [Int32]] = [:]
        for (process, stat) in stats {
            children[stat.parent, default: []].append(process)
        }
        let nanosecondsPerTick = 1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK)))
        var total: UInt64 = 0
        var waiting = [root]
        while let process = waiting.popLast() {
            waiting += children[process] ?? []
            guard let stat = stats[process] else { continue }
            // The process's account is in whole ticks of 10 ms, which misses much if there are hundreds of processes.
            // The account of its threads is exact, but without threads that have ended.
            total += max(stat.ticks * nanosecondsPerTick, Self.timeOfThreads(of: process))
            total += stat.ticksOfEndedChildren * nanosecondsPerTick
        }
        return total
    }

    /// The run time of the living threads, from `/proc/PID/task/TID/schedstat` (proc(5)); 0 if the kernel does not
    /// tell.
    private static func timeOfThreads(of process: Int32) -> UInt64 {
        var total: UInt64 = 0
        forEachNumber(in: "/proc/\(process)/task") { thread in
            let line = firstBlock(of: "/proc/\(process)/task/\(thread)/schedstat")
            total += line?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0
        }
        return total
    }

    private static func allProcesses() throws -> [Int32: ProcessStat] {
        var stats: [Int32: ProcessStat] = [:]
        let isRead = forEachNumber(in: "/proc") { process in
            // A process that ends meanwhile has no line any more, and is left out.
            guard let line = firstBlock(of: "/proc/\(process)/stat"), let stat = ProcessStat(line) else { return }
            stats[process] = stat
        }
        guard isRead else { throw LoadError("cannot read /proc: \(lastSystemError())") }
        return stats
    }

    /// Calls `body` for each entry of the folder whose name is a number; returns whether the folder could be read.
    @discardableResult
    private static func forEachNumber(in path: String, _ body: (Int32) -> Void) -> Bool {
        guard let folder = opendir(path) else { return false }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name) { body(number) }
        }
        return true
    }

    private static func firstBlock(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            let count = read(file, buffer.baseAddress, buffer.count)
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
        }
    }
}
