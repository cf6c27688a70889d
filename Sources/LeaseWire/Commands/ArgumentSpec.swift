/// One argument in the grammar of a command.
///
///     ACQUIRE name ttl [OWNER label]
///             │    │    └ keyword "OWNER", a value named label, optional
///             └────┴ values known by their position
///
/// Values without a keyword come first, those that must be there before those that may; the keywords follow, in any
/// order, each at most once.
package struct ArgumentSpec: Hashable, Sendable {
    /// What the value is, as `COMMAND DOCS` names it.
    package enum Kind: String, Hashable, Sendable {
        /// A lease name: what a Redis client calls a key.
        case key
        /// Any other text or bytes.
        case string
        /// A decimal integer.
        case integer
    }

    /// The value's name in usage lines.
    package let name: String
    /// What the value is.
    package let kind: Kind
    /// The word before the value, in upper case, if the value is not known by its position.
    package let keyword: String?
    /// Whether it may be left out.
    package let isOptional: Bool
    /// Whether it may come more than once.
    ///
    /// Only the last value of a command may.
    package let isMultiple: Bool

    private init(_ name: String, _ kind: Kind, keyword: String?, isOptional: Bool, isMultiple: Bool) {
        self.name = name
        self.kind = kind
        self.keyword = keyword
        self.isOptional = isOptional
        self.isMultiple = isMultiple
    }

    /// A value that must be there.
    static func required(_ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        ArgumentSpec(name, kind, keyword: nil, isOptional: false, isMultiple: false)
    }

    /// A value that may be there.
    static func optional(_ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        ArgumentSpec(name, kind, keyword: nil, isOptional: true, isMultiple: false)
    }

    /// Any number of values, also none.
    static func any(_ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        ArgumentSpec(name, kind, keyword: nil, isOptional: true, isMultiple: true)
    }

    /// A keyword with its value, which may be there.
    static func option(_ keyword: String, _ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        ArgumentSpec(name, kind, keyword: keyword, isOptional: true, isMultiple: false)
    }

    /// The argument in a usage line: `name`, `[OWNER label]`, `[name ...]`.
    package var usage: String {
        let text = (keyword.map { "\($0) " } ?? "") + name + (isMultiple ? " ..." : "")
        return isOptional ? "[\(text)]" : text
    }
}
