import Glibc
import LeaseCore

/// Identifies a process for good: its number may be reused, but never with the same start.
struct ProcessIdentity: Hashable, Sendable {
    let process: pid_t
    /// Clock ticks from boot to its start (proc(5), field 22).
    let startTicks: UInt64
}

/// A process as /proc shows it.
struct ProcessEntry: Hashable, Sendable {
    let identity: ProcessIdentity
    let parent: pid_t
    /// It has ended, and its parent has not waited for it yet.
    let isZombie: Bool
    /// The command name, which the process may set itself; escaped for people.
    let name: String

    var process: pid_t { identity.process }

    /// Parses `/proc/PID/stat`; `nil` if the text is malformed.
    ///
    /// The command name is in parentheses and may itself contain blanks and parentheses, so the fields are counted from
    /// the last closing one.
    init?(stat: [UInt8]) {
        guard let open = stat.firstIndex(of: UInt8(ascii: "(")),
            let close = stat.lastIndex(of: UInt8(ascii: ")")),
            open < close,
            let process = pid_t(String(decoding: stat[..<open], as: UTF8.self).prefix { $0 != " " })
        else { return nil }
        let fields = stat[(close + 1)...].split(separator: UInt8(ascii: " "))
        // Fields 3 (state), 4 (parent), 20 (threads) and 22 (start) of proc(5).
        guard fields.count > 19,
            let parent = pid_t(String(decoding: fields[1], as: UTF8.self)),
            let threads = Int(String(decoding: fields[17], as: UTF8.self)),
            let startTicks = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        self.identity = ProcessIdentity(process: process, startTicks: startTicks)
        self.parent = parent
        // A process whose first thread has ended lives on in its other threads.
        self.isZombie = (fields[0].first == UInt8(ascii: "Z") || fields[0].first == UInt8(ascii: "X")) && threads <= 1
        self.name = EscapedBytes.text(Array(stat[(open + 1)..<close]))
    }
}

/// The processes of the machine that /proc shows to this user.
///
/// A listing is not a snapshot: processes come and go while it is read. A caller that acts on it must repeat it until
/// there is nothing left to act on.
enum ProcessTable {
    /// Whether /proc belongs to this process's PID namespace; otherwise its numbers mean other processes.
    static var showsThisProcess: Bool {
        var target = [CChar](repeating: 0, count: 32)
        let count = readlink("/proc/self", &target, target.count)
        return count > 0 && target[..<count].elementsEqual("\(getpid())".utf8.map { CChar($0) })
    }

    /// Every process that could be read.
    static func all() -> [ProcessEntry] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var entries: [ProcessEntry] = []
        while let item = readdir(folder) {
            guard let process = pid_t(name(of: item)), let entry = entry(process) else { continue }
            entries.append(entry)
        }
        return entries
    }

    /// One process, or `nil` if it is gone.
    static func entry(_ process: pid_t) -> ProcessEntry? {
        contents(of: "/proc/\(process)/stat").flatMap(ProcessEntry.init(stat:))
    }

    /// The children of a process, from the lists of its threads (`/proc/PID/task/TID/children`, proc(5)).
    ///
    /// They include zombies.
    ///
    /// Returns `nil` if the kernel does not provide these lists.
    static func children(of process: pid_t) -> Set<pid_t>? {
        let path = "/proc/\(process)/task"
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var children: Set<pid_t> = []
        while let item = readdir(folder) {
            let name = Self.name(of: item)
            guard pid_t(name) != nil else { continue }
            guard let text = contents(of: "\(path)/\(name)/children") else {
                // Any other thread may have ended in the meantime; the main thread's entry stays.
                guard name == "\(process)" else { continue }
                return nil
            }
            let words = text.split(separator: UInt8(ascii: " "))
            children.formUnion(words.compactMap { pid_t(String(decoding: $0, as: UTF8.self)) })
        }
        return children
    }

    /// The bytes of a file, or `nil` if it cannot be opened.
    private static func contents(of path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { return contents }
            contents += buffer[..<count]
        }
    }

    private static func name(of item: UnsafeMutablePointer<dirent>) -> String {
        withUnsafeBytes(of: &item.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The descendants of a process among the entries, without itself, the `excluded` and their descendants.
    static func descendants(
        of root: pid_t,
        among entries: [ProcessEntry],
        excluding excluded: Set<pid_t> = []
    ) -> [ProcessEntry] {
        let children = Dictionary(grouping: entries, by: \.parent)
        var found: [ProcessEntry] = []
        // A number reused while the table is read could form a cycle, so each process is visited once.
        var visited: Set<pid_t> = excluded.union([root])
        var next = [root]
        while let parent = next.popLast() {
            for child in children[parent] ?? [] where visited.insert(child.process).inserted {
                found.append(child)
                next.append(child.process)
            }
        }
        return found
    }
}
