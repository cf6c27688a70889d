/// Keeps a job's own arguments from the parser of `leasectl`'s options.
///
///     leasectl run --try --ttl 1m backup rsync -a --help --try x
///              └── leasectl's ──────────┘ └── the job's ──────┘
///
/// Options stop at the lease name. The parser would still look through everything behind it for `--help` when something
/// before it is wrong, and for completion requests always. So what is the job's is shielded before the parser sees it;
/// for that the name must be found, and for that it must be known which options are followed by a value.
enum JobArguments {
    /// The subcommands that end in a name and a command.
    static let subcommands: Set<String> = ["run"]

    /// The subcommands that have subcommands of their own.
    private static let containers: Set<String> = ["prefix", "keys"]

    /// The options of ``subcommands`` that take the next argument as their value.
    ///
    /// A test compares them with the parser's own.
    static let valueOptions: Set<String> = [
        "--socket", "--ttl", "--grace", "--at-most", "--owner", "--release", "-E", "--report",
    ]

    /// The arguments without the program's own name, with those of a job shielded.
    ///
    /// A `--` before the name, or between the name and the command, is accepted and left out.
    static func shielded(_ arguments: [String]) -> [String] {
        let arguments = subcommandFirst(arguments)
        guard let subcommand = arguments.first, subcommands.contains(subcommand) else { return arguments }
        var index = 1
        while index < arguments.count, isOption(arguments[index]) {
            if arguments[index] == "--" {
                return Array(arguments[..<index]) + job(arguments[(index + 1)...])
            }
            index += valueOptions.contains(arguments[index]) ? 2 : 1
        }
        guard index < arguments.count else { return arguments }
        return Array(arguments[..<index]) + job(arguments[index...])
    }

    /// Which daemon is meant may be said before the subcommand, too: the parser knows it only behind.
    private static func subcommandFirst(_ arguments: [String]) -> [String] {
        var index = 0
        while index < arguments.count, arguments[index] == "--user" || arguments[index].hasPrefix("--socket") {
            index += arguments[index] == "--socket" ? 2 : 1
        }
        guard index > 0, index < arguments.count, !isOption(arguments[index]) else { return arguments }
        let isNested = containers.contains(arguments[index]) && index + 1 < arguments.count
        let rest = index + (isNested && !isOption(arguments[index + 1]) ? 2 : 1)
        return Array(arguments[index..<rest]) + arguments[..<index] + arguments[rest...]
    }

    private static func isOption(_ argument: String) -> Bool {
        argument.hasPrefix("-") && argument != "-"
    }

    /// The name and the command, shielded.
    private static func job(_ arguments: ArraySlice<String>) -> [String] {
        var arguments = arguments
        if arguments.dropFirst().first == "--" { arguments.remove(at: arguments.startIndex + 1) }
        return arguments.map(ArgumentText.shielded)
    }
}
