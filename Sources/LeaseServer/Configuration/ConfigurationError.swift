/// Why the configuration cannot be used.
///
/// Reading it has changed nothing.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of fault.
    ///
    /// A later release may add to it.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case unreadableFile, malformedFile, unknownKey, badValue
        }

        private let kind: Kind

        private init(_ kind: Kind) {
            self.kind = kind
        }

        /// The file is missing, too long, or may not be read.
        package static let unreadableFile = Code(.unreadableFile)
        /// The file is not YAML, or not a mapping of settings.
        package static let malformedFile = Code(.malformedFile)
        /// The file has a setting that does not exist.
        package static let unknownKey = Code(.unknownKey)
        /// A setting has an invalid value.
        package static let badValue = Code(.badValue)

        /// The code's name in Swift.
        package var description: String { kind.rawValue }
    }

    /// The kind of fault.
    package let code: Code

    /// The setting, as the file writes it: `limits.connections`.
    ///
    /// `nil` if the fault is in the file itself.
    package let key: String?

    /// A sentence for people: the setting, where it came from, its value and what is expected.
    package let message: String

    /// How the program should end: `EX_USAGE` if a flag is at fault, else `EX_CONFIG`.
    package let exit: SystemExit

    init(_ code: Code, key: String? = nil, _ message: String, exit: SystemExit = .configuration) {
        self.code = code
        self.key = key
        self.message = message
        self.exit = exit
    }

    /// The sentence.
    package var description: String { message }
}
