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
    /// The command name stands in parentheses and may hold blanks and parentheses itself, so the fields are counted from
    /// the last closing one.
    init?(stat: [UInt8]) {
        guard let open = stat.firstIndex(of: UInt8(ascii: "(")),
            let close = stat.lastIndex(of: UInt8(ascii: ")")),
            open < close,
            let process = pid_t(String(decoding: stat[..<open], as: UTF8.self).prefix { $0 != " " })
        else { return nil }
        let fields = stat[(close + 1)...].split(separator: UInt8(ascii: " "))
        // Fields 3 (state), 4 (parent) and 22 (start) of proc(5).
        guard fields.count > 19,
            let parent = pid_t(String(decoding: fields[1], as: UTF8.self)),
            let startTicks = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        self.identity = ProcessIdentity(process: process, startTicks: startTicks)
        self.parent = parent
        self.isZombie = fields[0].first == UInt8(ascii: "Z") || fields[0].first == UInt8(ascii: "X")
        self.name = EscapedBytes.text(Array(stat[(open + 1)..<close]))
    }
}

/// The processes of the machine, as far as /proc shows them to this user.
///
/// A listing is no snapshot: processes come and go while it is read. Whoever acts on it reads it again until it has
/// nothing more to act on.
enum ProcessTable {
    /// Every process that could be read.
    static func all() -> [ProcessEntry] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var entries: [ProcessEntry] = []
        while let item = readdir(folder) {
            let name = withUnsafeBytes(of: &item.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let process = pid_t(name), let entry = entry(process) else { continue }
            entries.append(entry)
        }
        return entries
    }

    /// One process, or `nil` if it is gone.
    static func entry(_ process: pid_t) -> ProcessEntry? {
        let file = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = read(file, &buffer, buffer.count)
        return count > 0 ? ProcessEntry(stat: Array(buffer[..<count])) : nil
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
