/// The fields of a line of `/proc/PID/stat`, proc(5), that are needed here.
package struct ProcessStat: Hashable, Sendable {
    package let parent: Int32
    /// Its user and system time in clock ticks.
    package let ticks: UInt64
    /// The same for children that have ended and were waited for.
    package let ticksOfEndedChildren: UInt64

    /// Returns `nil` if the line is not one of `/proc/PID/stat`.
    package init?(_ line: String) {
        // The command's name is in parentheses, and may itself contain some.
        guard let close = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: close)...].split(separator: " ")
        // Fields 4 (ppid), and 14 to 17 (utime, stime, cutime, cstime); the first one here is field 3.
        guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
        let times = fields[11...14].compactMap { UInt64($0) }
        guard times.count == 4 else { return nil }
        self.parent = parent
        ticks = times[0] + times[1]
        ticksOfEndedChildren = times[2] + times[3]
    }
}
