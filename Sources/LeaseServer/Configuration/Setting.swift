/// A value as it was written, and where: an error about it must say both.
struct Setting: Sendable {
    enum Origin: Hashable, Sendable, CustomStringConvertible {
        case flag(String)
        case variable(String)
        case file(String)

        var description: String {
            switch self {
            case .flag(let name), .variable(let name), .file(let name): name
            }
        }
    }

    let key: String
    let origin: Origin
    let value: String

    /// The error that this value is not what is expected.
    func error(_ expected: String) -> ConfigurationError {
        let exit: SystemExit = if case .flag = origin { .usage } else { .configuration }
        let shown = "\(value)".unicodeScalars.prefix(200)
            .map { $0.properties.generalCategory == .control ? "?" : String($0) }
            .joined()
        return ConfigurationError(
            .badValue,
            key: key,
            "\(key) = '\(shown)' (from \(origin)): expected \(expected)",
            exit: exit
        )
    }
}
