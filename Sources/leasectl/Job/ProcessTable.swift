import Glibc
import LeaseCore

/// One process, for ever: its number may be used again, its number and its start together never are.
struct ProcessIdentity: Hashable, Sendable {
    let process: pid_t
    /// Clock ticks from boot to its start (proc(5), field 22).
    let startTicks: UInt64
}

/// One line of what /proc knows.
struct ProcessEntry: Hashable, Sendable {
    let identity: ProcessIdentity
    let parent: pid_t
    /// It has ended and waits for its parent to take notice.
    let isZombie: Bool
    /// The command name, as its process may set it: escaped for people.
    let name: String

    var process: pid_t { identity.process }

    /// Reads the text of `/proc/PID/stat`, or `nil` if it is none.
    ///
    /// The command name stands in parentheses and may hold blanks and parentheses itself, so the fields are counted
    /// from the last closing one.
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
        // One whose first thread has ended lives on in the others.
        self.isZombie = (fields[0].first == UInt8(ascii: "Z") || fields[0].first == UInt8(ascii: "X")) && threads <= 1
        self.name = EscapedBytes.text(Array(stat[(open + 1)..<close]))
    }
}

/// The processes of the machine, as far as /proc shows them to this user.
///
/// A listing is no snapshot: processes come and go while it is read. Whoever acts on it reads it again until it has
/// nothing more to act on.
enum ProcessTable {
    /// Whether /proc is that of this process's PID namespace: in another one the numbers there are those of others.
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

    /// The children of a process, by the lists of its threads (proc(5), `/proc/tid/children`); those that have ended
    /// and were not waited for are among them.
    ///
    /// Returns `nil` if the kernel makes no such lists.
    static func children(of process: pid_t) -> Set<pid_t>? {
        let path = "/proc/\(process)/task"
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var children: Set<pid_t> = []
        while let item = readdir(folder) {
            let name = Self.name(of: item)
            guard pid_t(name) != nil else { continue }
            guard let text = contents(of: "\(path)/\(name)/children") else {
                // A thread may have ended meanwhile; the one that bears the process's number stays.
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

    /// The descendants of a process among the entries, without it, and without the `excluded` and theirs.
    static func descendants(
        of root: pid_t,
        among entries: [ProcessEntry],
        excluding excluded: Set<pid_t> = []
    ) -> [ProcessEntry] {
        let children = Dictionary(grouping: entries, by: \.parent)
        var found: [ProcessEntry] = []
        // A number that is used again while the table is read could make a circle; each is visited once.
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
