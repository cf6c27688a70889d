internal import LeaseCore
internal import Logging

/// Settings as values. Each returns `nil` if no layer has the setting, and throws if the value does not fit.
extension SettingsReader {
    func path(_ key: String) throws(ConfigurationError) -> String? {
        guard let setting = try text(key) else { return nil }
        guard !setting.value.isEmpty, !setting.value.utf8.contains(0) else { throw setting.error("a path") }
        return setting.value
    }

    func duration(_ key: String, in range: ClosedRange<Duration>) throws(ConfigurationError) -> Duration? {
        guard let setting = try text(key) else { return nil }
        let bounds = "\(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        guard let duration = try? DurationText.parse(setting.value), range.contains(duration) else {
            throw setting.error("a duration with its unit, as in 90s or 1m30s, from \(bounds)")
        }
        return duration
    }

    func integer(_ key: String, in range: ClosedRange<Int>, isBytes: Bool = false) throws(ConfigurationError) -> Int? {
        guard let setting = try text(key) else { return nil }
        let number = isBytes ? ByteCountText.parse(setting.value) : Int(setting.value)
        guard let number, range.contains(number) else {
            let (low, high) = (range.lowerBound, range.upperBound)
            throw setting.error(
                isBytes
                    ? "bytes, as in 65536, 64KiB or 8MiB, from \(ByteCountText.format(low)) to \(ByteCountText.format(high))"
                    : "an integer from \(low) to \(high)"
            )
        }
        return number
    }

    func permissions(_ key: String) throws(ConfigurationError) -> UInt32? {
        guard let setting = try text(key) else { return nil }
        let digits = setting.value.hasPrefix("0o") ? setting.value.dropFirst(2) : setting.value[...]
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let mode = UInt32(digits, radix: 8), mode <= 0o777
        else {
            throw setting.error("permissions in octal, from 0000 to 0777, as in 0660")
        }
        return mode
    }

    func logLevel(_ key: String) throws(ConfigurationError) -> Logger.Level? {
        guard let setting = try text(key) else { return nil }
        guard let level = Logger.Level(setting.value) else {
            let names = Logger.Level.allCases.map(\.rawValue)
            throw setting.error("one of \(names.joined(separator: ", "))")
        }
        return level
    }

    /// A group's number; an empty value means no group.
    func group(_ key: String) throws(ConfigurationError) -> UInt32? {
        guard let setting = try text(key), !setting.value.isEmpty else { return nil }
        return try setting.account(Account.groupID, "a group's name or number")
    }
}

extension Setting {
    /// The number of the user or group that the setting names.
    func account(
        _ find: (String) throws(Account.LookupError) -> UInt32?,
        _ kind: String
    ) throws(ConfigurationError) -> UInt32 {
        let found: UInt32?
        do throws(Account.LookupError) {
            found = try find(value)
        } catch {
            throw self.error("\(kind), which could not be looked up (\(error.reason))")
        }
        guard let found else { throw error("\(kind) that this machine knows") }
        return found
    }
}
