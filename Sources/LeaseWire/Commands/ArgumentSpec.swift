/// One argument in the grammar of a command.
///
///     ACQUIRE name ttl [OWNER label]
///             │    │    └ keyword "OWNER", a value named label, optional
///             └────┴ values known by their position
///     RENEW name token ttl [REQUEST id] [BIND|UNBIND]
///                                        └ a choice of flags: keywords without a value, of which one may be there
///
/// Values without a keyword come first, required ones before optional ones; the keywords follow in any order, each at
/// most once. A block is several arguments that come together: the two values of `IF lease token`, or an entry of
/// `IMPORT`.
package struct ArgumentSpec: Hashable, Sendable {
    /// What the value is, as `COMMAND DOCS` names it.
    package enum Kind: String, Hashable, Sendable {
        /// A lease name or a key of the store: what a Redis client calls a key.
        case key
        /// Any other text or bytes.
        case string
        /// A decimal integer.
        case integer
        /// Its ``ArgumentSpec/parts``.
        case block
        /// Nothing but its keyword.
        case flag = "pure-token"
        /// One of its ``ArgumentSpec/parts``.
        case choice = "oneof"
    }

    /// The value's name in usage lines.
    package let name: String
    /// What the value is.
    package let kind: Kind
    /// The word before the value, in upper case, if the value is not positional.
    package let keyword: String?
    /// Whether it may be left out.
    package private(set) var isOptional: Bool
    /// Whether it may come more than once, with its keyword if it has one.
    ///
    /// Of a command's own arguments, only the last positional value may.
    package private(set) var isMultiple = false
    /// What a block or a choice is made of.
    package let parts: [ArgumentSpec]

    private init(
        _ name: String,
        _ kind: Kind,
        keyword: String? = nil,
        isOptional: Bool,
        parts: [ArgumentSpec] = []
    ) {
        self.name = name
        self.kind = kind
        self.keyword = keyword
        self.isOptional = isOptional
        self.parts = parts
    }

    /// A required value.
    static func required(_ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        ArgumentSpec(name, kind, isOptional: false)
    }

    /// A required keyword with its value.
    static func required(_ keyword: String, _ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        ArgumentSpec(name, kind, keyword: keyword, isOptional: false)
    }

    /// Several required arguments.
    static func required(_ name: String, parts: [ArgumentSpec]) -> ArgumentSpec {
        ArgumentSpec(name, .block, isOptional: false, parts: parts)
    }

    /// An optional value.
    static func optional(_ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        ArgumentSpec(name, kind, isOptional: true)
    }

    /// Any number of values, or none.
    static func any(_ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        optional(name, kind).repeated
    }

    /// An optional keyword with its value.
    static func option(_ keyword: String, _ name: String, _ kind: Kind = .string) -> ArgumentSpec {
        ArgumentSpec(name, kind, keyword: keyword, isOptional: true)
    }

    /// An optional keyword followed by several arguments.
    static func option(_ keyword: String, parts: [ArgumentSpec]) -> ArgumentSpec {
        ArgumentSpec(keyword.lowercased(), .block, keyword: keyword, isOptional: true, parts: parts)
    }

    /// An optional keyword without a value.
    static func flag(_ keyword: String) -> ArgumentSpec {
        ArgumentSpec(keyword.lowercased(), .flag, keyword: keyword, isOptional: true)
    }

    /// Keywords without a value, of which at most one may be there.
    static func flags(_ name: String, oneOf keywords: [String]) -> ArgumentSpec {
        let flags = keywords.map { ArgumentSpec($0.lowercased(), .flag, keyword: $0, isOptional: false) }
        return ArgumentSpec(name, .choice, isOptional: true, parts: flags)
    }

    /// The same argument, which may come more than once.
    var repeated: ArgumentSpec {
        var argument = self
        argument.isMultiple = true
        return argument
    }
}

extension ArgumentSpec {
    /// The fewest words that it takes: its keyword, and its value or the required parts of a block.
    var leastWords: Int {
        let value =
            switch kind {
            case .block: parts.filter { !$0.isOptional }.map(\.leastWords).reduce(0, +)
            case .flag: 0
            case .key, .string, .integer, .choice: 1
            }
        return (keyword == nil ? 0 : 1) + value
    }

    /// The argument in a usage line: `name`, `[OWNER label]`, `key [key ...]`, `[CHILD child] ...`.
    package var usage: String {
        let value =
            switch kind {
            case .block: parts.map(\.usage).joined(separator: " ")
            case .choice: parts.compactMap(\.keyword).joined(separator: "|")
            case .flag: ""
            case .key, .string, .integer: name
            }
        let text = [keyword ?? "", value].filter { !$0.isEmpty }.joined(separator: " ")
        switch (isOptional, isMultiple) {
        case (false, false): return text
        case (true, false): return "[\(text)]"
        case (false, true): return "\(text) [\(name) ...]"
        case (true, true): return keyword == nil ? "[\(text) ...]" : "[\(text)] ..."
        }
    }
}
