import Glibc
import LeaseCore

/// Times for people.
enum TimeText {
    /// An instant of the wall clock in local time, to the second: `2026-05-04 17:03:00`.
    static func local(milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "?" }
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S", &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A duration as short as is still useful: in whole seconds from ten seconds on.
    static func short(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        return DurationText.format(.milliseconds(milliseconds < 10_000 ? milliseconds : milliseconds / 1000 * 1000))
    }
}
