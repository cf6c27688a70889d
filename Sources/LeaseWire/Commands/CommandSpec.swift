internal import LeaseCore

/// A command, or a subcommand: everything about it except what it does.
///
/// Parsing, arity errors, usage lines and the replies of `COMMAND` all come from here, so they cannot disagree. It is a
/// class because each incoming command looks one up, and none ever changes.
package final class CommandSpec: Sendable {
    /// What a command is for, as `COMMAND DOCS` groups it.
    package enum Group: String, Hashable, Sendable {
        case lease, pubsub, store, connection, server
    }

    /// Properties in the words of Redis, for clients that route or restrict by them.
    package enum Flag: String, Hashable, Sendable, CaseIterable {
        /// Changes leases or the store.
        case write
        /// Changes nothing.
        case readonly
        /// Its time does not grow with what is stored.
        case fast
        /// May be answered later, when something has happened.
        case blocking
        /// For administrators.
        case admin
        /// Makes the connection a subscriber, or ends that.
        case pubsub
        /// Has keys at places that first key, last key and step do not tell.
        case movableKeys = "movablekeys"
        /// May be sent while the server starts.
        case loading
        /// May be sent before a client has said who it is.
        case noAuthentication = "no_auth"
    }

    /// Reads a command's arguments, which already fit its grammar.
    typealias Decoder = @Sendable (ArgumentReader) throws(LeaseError) -> Command

    /// The name in lower case; a subcommand's without its command's.
    package let name: String
    /// One sentence.
    package let summary: String
    /// What it is for.
    package let group: Group
    /// The release that introduced it.
    package let since: String
    /// How its running time grows.
    package let complexity: String
    /// Its properties.
    package let flags: [Flag]
    /// Its grammar.
    package let arguments: [ArgumentSpec]
    /// Its subcommands, if it has any.
    package let subcommands: [CommandSpec]
    /// How its arguments are read, or `nil` if it needs a subcommand.
    let decode: Decoder?

    /// How many words must follow the name.
    let requiredCount: Int
    /// Whether the last required value may come more than once.
    let hasRepeatedValue: Bool
    /// Optional positional values.
    let optionalValues: [ArgumentSpec]
    /// Values with a keyword, and flags.
    let options: [ArgumentSpec]
    /// Which of the options exclude each other.
    let choices: [[Int]]

    init(
        _ name: String,
        _ summary: String,
        group: Group,
        since: String = "0.1.0",
        complexity: String = "O(1)",
        flags: [Flag],
        arguments: [ArgumentSpec] = [],
        subcommands: [CommandSpec] = [],
        decode: Decoder? = nil
    ) {
        self.name = name
        self.summary = summary
        self.group = group
        self.since = since
        self.complexity = complexity
        self.flags = flags
        self.arguments = arguments
        self.subcommands = subcommands
        self.decode = decode
        self.requiredCount = arguments.prefix { !$0.isOptional }.map(\.leastWords).reduce(0, +)
        self.hasRepeatedValue = arguments.contains { !$0.isOptional && $0.isMultiple }
        self.optionalValues = arguments.filter { $0.isOptional && $0.keyword == nil && $0.kind != .choice }
        let options = arguments.flatMap { $0.kind == .choice ? $0.parts : [$0] }.filter { $0.keyword != nil }
        self.options = options
        self.choices = arguments.filter { $0.kind == .choice }.map { choice in
            options.indices.filter { choice.parts.contains(options[$0]) }
        }
        precondition(options.count <= ArgumentReader.mostOptions, "\(name) has more keywords than a reader has places")
    }
}

extension CommandSpec {
    /// How many words the command has, as Redis counts: its name included, and negative if that is only the minimum.
    ///
    /// - Parameter parent: the command whose subcommand it is, if any; its name is a word, too.
    package func arity(in parent: CommandSpec? = nil) -> Int {
        let words = requiredCount + (parent == nil ? 1 : 2)
        guard subcommands.isEmpty else { return decode == nil ? -(words + 1) : -words }
        return arguments.allSatisfy { !$0.isOptional && !$0.isMultiple } ? words : -words
    }

    /// The positional argument that is a lease name or key, and its index, if there is one.
    private var keyArgument: (index: Int, argument: ArgumentSpec)? {
        arguments.enumerated().first { $0.element.kind == .key && $0.element.keyword == nil }.map { ($0, $1) }
    }

    /// The position of the first lease name or key among the words, or 0 if the command has none at a fixed one.
    package func firstKey(in parent: CommandSpec? = nil) -> Int {
        keyArgument.map { $0.index + (parent == nil ? 1 : 2) } ?? 0
    }

    /// The position of the last one: that of the first, or −1 for the last word.
    package func lastKey(in parent: CommandSpec? = nil) -> Int {
        keyArgument?.argument.isMultiple == true ? -1 : firstKey(in: parent)
    }

    /// The usage line: `ACQUIRE name ttl [OWNER label] [REQUEST id]`.
    package func usage(in parent: CommandSpec? = nil) -> String {
        let words = [parent?.name, name].compactMap { $0?.uppercased() }
        guard subcommands.isEmpty else {
            let names = subcommands.map { $0.name.uppercased() }.joined(separator: "|")
            return (words + [decode == nil ? names : "[\(names)]"]).joined(separator: " ")
        }
        return (words + arguments.map(\.usage)).joined(separator: " ")
    }

    /// The subcommand of that name, case ignored.
    func subcommand(_ name: some Collection<UInt8>) -> CommandSpec? {
        subcommands.first { PrintableBytes.equal(name, $0.name) }
    }

    /// The same command under another name.
    func alias(_ alias: String) -> CommandSpec {
        CommandSpec(
            alias,
            "Is another name of \(name.uppercased()).",
            group: group,
            since: since,
            complexity: complexity,
            flags: flags,
            arguments: arguments,
            subcommands: subcommands,
            decode: decode
        )
    }
}
