internal import LeaseCore
internal import NIOCore

extension CommandTable {
    /// Commands on the server itself.
    static let server: [CommandSpec] = [
        CommandSpec(
            "info",
            "Tells how the server is, in sections.",
            group: .server,
            flags: [.readonly],
            arguments: [.optional("section")]
        ) { arguments in .info(section: arguments.optional(0)?.word()) },
        CommandSpec(
            "command",
            "Tells of the commands there are.",
            group: .server,
            complexity: "O(N) with N commands",
            flags: [.loading],
            subcommands: [
                CommandSpec("count", "Counts the commands.", group: .server, flags: [.loading]) { _ in
                    .command(.count)
                },
                CommandSpec(
                    "docs",
                    "Tells summary and grammar of commands, of all if none is named.",
                    group: .server,
                    complexity: "O(N) with N commands asked for",
                    flags: [.loading],
                    arguments: [.any("command-name")]
                ) { arguments in .command(.docs(names: arguments.words)) },
                CommandSpec(
                    "info",
                    "Tells arity, flags and keys of commands, of all if none is named.",
                    group: .server,
                    complexity: "O(N) with N commands asked for",
                    flags: [.loading],
                    arguments: [.any("command-name")]
                ) { arguments in .command(.info(names: arguments.words)) },
            ]
        ) { _ in .command(.info(names: [])) },
    ]
}

extension ArgumentReader {
    /// All values as words.
    fileprivate var words: [String] {
        (0..<valueCount).map { self[$0].word() }
    }
}
