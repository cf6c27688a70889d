/// The settings and their names: in the file as written here, with a dot for each level; in the environment as
/// `LEASED_` and the name in capitals, with `_` for `-` and the dot.
enum SettingKey {
    static let socket = "socket"
    static let socketMode = "socket-mode"
    static let socketGroup = "socket-group"
    static let store = "store"
    static let logLevel = "log-level"
    static let administratorUsers = "administrators.users"
    static let administratorGroups = "administrators.groups"
    static let access = "access"
    static let longestTTL = "limits.longest-ttl"
    static let historyKeepFor = "history.keep-for"
    static let historyKeepRows = "history.keep-rows"
    static let stopTimeout = "stop-timeout"
    static let commitTimeout = "commit-timeout"

    static let all: [String] =
        [
            socket, socketMode, socketGroup, store, logLevel, administratorUsers, administratorGroups, access,
            longestTTL, historyKeepFor, historyKeepRows, stopTimeout, commitTimeout,
        ] + Limits.fields.map { limit($0.key) }

    static func limit(_ name: String) -> String {
        "limits.\(name)"
    }

    /// The setting that an unknown one probably means: spelled differently, or at the wrong level.
    static func suggestion(for unknown: String) -> String? {
        all.first { letters(ofLast: $0) == letters(ofLast: unknown) }
    }

    private static func letters(ofLast key: String) -> String {
        String((key.split(separator: ".").last ?? "").filter(\.isLetter)).lowercased()
    }
}
