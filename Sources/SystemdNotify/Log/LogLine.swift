internal import Logging

/// One line of the log, as text.
///
/// ```
/// for people     2026-01-02T03:04:05.678Z info   lease granted fence=17 lease="my job"
/// for journald   <6>lease granted fence=17 lease="my job"
/// ```
///
/// The journal keeps the time and the priority itself; it reads the prefix as in sd-daemon(3). Keys are in alphabetical
/// order, so that lines can be compared; the keys of a nested value are joined by dots.
struct LogLine: Sendable {
    let level: Logger.Level
    let message: String
    let metadata: Logger.Metadata

    /// The line for a terminal or a file, with a line feed.
    func forPeople(at time: LogTime) -> String {
        let level = level.rawValue
        return "\(time) \(level)\(String(repeating: " ", count: max(7 - level.count, 1)))\(body)\n"
    }

    /// The line for the journal, with a line feed.
    var forJournal: String {
        "<\(priority)>\(body)\n"
    }

    private var body: String {
        var text = LogText.escaped(message)
        for (key, value) in fields(of: metadata, under: "").sorted(by: { $0.key < $1.key }) {
            text += " \(LogText.token(key))=\(LogText.token(value))"
        }
        return text
    }

    /// The priorities of syslog(3).
    private var priority: Int {
        switch level {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }

    private func fields(of metadata: Logger.Metadata, under prefix: String) -> [(key: String, value: String)] {
        metadata.flatMap { key, value in
            switch value {
            case .dictionary(let nested): fields(of: nested, under: "\(prefix)\(key).")
            case .array(let values): [("\(prefix)\(key)", values.map(\.description).joined(separator: ","))]
            case .string, .stringConvertible: [("\(prefix)\(key)", value.description)]
            }
        }
    }
}
