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
                ) { arguments throws(LeaseError) in .command(.docs(names: try arguments.names())) },
                CommandSpec(
                    "info",
                    "Tells arity, flags and keys of commands, of all if none is named.",
                    group: .server,
                    complexity: "O(N) with N commands asked for",
                    flags: [.loading],
                    arguments: [.any("command-name")]
                ) { arguments throws(LeaseError) in .command(.info(names: try arguments.names())) },
            ]
        ) { _ in .command(.info(names: [])) },
    ]
}

extension ArgumentReader {
    /// All values as names of commands.
    ///
    /// The reply about a command is a hundred times as long as its name.
    fileprivate func names() throws(LeaseError) -> [String] {
        guard valueCount <= CommandQuery.mostNames else {
            throw LeaseError(
                .tooBig,
                "\(valueCount) commands are asked for; the most is \(CommandQuery.mostNames), or none for all that there are"
            )
        }
        return (0..<valueCount).map { self[$0].word() }
    }
}
