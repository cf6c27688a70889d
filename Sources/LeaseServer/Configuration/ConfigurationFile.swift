internal import CLinux
internal import Configuration
internal import Glibc
internal import Synchronization

/// The configuration's file: YAML, one mapping of settings.
///
/// A setting that does not exist is an error: otherwise a typing error would go unnoticed as long as the default works.
struct ConfigurationFile {
    /// The most bytes that are read; the example file has a few thousand.
    static let maximumLength = 1 << 20

    /// The file's settings; `nil` if it has none, which the YAML library would not accept as a mapping.
    let snapshot: YAMLSnapshot?

    init(path: String) throws(ConfigurationError) {
        let bytes = try Self.read(path)
        guard Self.holdsMoreThanComments(bytes) else {
            snapshot = nil
            return
        }
        // The library does not list the keys, but it asks of each whether it is a secret.
        let keys = Mutex<[String]>([])
        let options = YAMLSnapshot.ParsingOptions(
            secretsSpecifier: .dynamic { key, _ in
                keys.withLock { $0.append(key) }
                return false
            }
        )
        let snapshot: YAMLSnapshot
        do {
            snapshot = try YAMLSnapshot(data: bytes.span.bytes, providerName: path, parsingOptions: options)
        } catch {
            let reason = Self.reason(error)
            throw ConfigurationError(.malformedFile, "\(path) is not a YAML mapping of settings: \(reason)")
        }
        let all = keys.withLock { $0 }
        try Self.check(all.filter { !Self.isEmptySection($0, in: snapshot) }, path: path)
        self.snapshot = snapshot
    }

    /// Whether a key is the head of a section whose settings are all commented out.
    private static func isEmptySection(_ key: String, in snapshot: YAMLSnapshot) -> Bool {
        guard SettingKey.all.contains(where: { $0.hasPrefix(key + ".") }) else { return false }
        let value = try? snapshot.value(forKey: AbsoluteConfigKey([key]), type: .string).value
        guard case .string(let text) = value?.content else { return false }
        // YAML's ways to write nothing: yaml.org/spec/1.2.2, section 10.2.1.1, and an empty plain scalar.
        return ["", "~", "null"].contains(text)
    }

    /// The YAML library's message, without the text around the fault, which may be the whole file.
    private static func reason(_ error: any Error) -> String {
        let lines = "\(error)".split(separator: "\n").map { $0.trimmingPrefix { $0 == " " } }
        return lines.prefix { !$0.hasPrefix("Context:") }.joined(separator: " ")
    }

    private static func check(_ keys: [String], path: String) throws(ConfigurationError) {
        var seen: Set<String> = []
        for key in keys.sorted() {
            guard SettingKey.all.contains(key) else {
                let hint = SettingKey.suggestion(for: key).map { "; did you mean '\($0)'?" } ?? ""
                throw ConfigurationError(.unknownKey, key: key, "\(path): there is no setting '\(key)'\(hint)")
            }
            guard seen.insert(key).inserted else {
                throw ConfigurationError(.malformedFile, key: key, "\(path): the setting '\(key)' stands there twice")
            }
        }
    }

    private static func holdsMoreThanComments(_ bytes: [UInt8]) -> Bool {
        bytes.split(separator: UInt8(ascii: "\n"))
            .contains { line in
                let first = line.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }
                return first != nil && first != UInt8(ascii: "#")
            }
    }

    private static func read(_ path: String) throws(ConfigurationError) -> [UInt8] {
        let descriptor = clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= maximumLength else { throw unreadable(path, "it is over \(maximumLength) bytes long") }
        }
    }

    private static func unreadable(_ path: String, _ reason: String) -> ConfigurationError {
        ConfigurationError(.unreadableFile, "the configuration file \(path) cannot be read: \(reason)")
    }
}
