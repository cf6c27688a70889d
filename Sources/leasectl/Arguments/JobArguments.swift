/// Says what each word of a command line is, before the parser of options sees it.
///
///     leasectl run --try --owner -me backup rsync -a --help --try x
///              └── leasectl's ─────────┘ └── the job's ───────────┘
///
/// The parser takes a word for what it looks like, and three kinds of words are not what they look like:
///
/// - *A job's own arguments.* Options stop at the lease name. The parser would still look through everything behind it for
///   `--help` when something before it is wrong, and for completion requests always. So what is the job's is shielded, and
///   its command is one word; for that the name must be found, and for that it must be known which options are followed by
///   a value.
/// - *The value of an option*, which may begin with a dash: it is shielded, too.
/// - *What is no option at all*, as `-1h` or `-th`. The parser takes each letter of it for an option of its own, and finds
///   the `h` of help there: a script would be told that all went well, and nothing would be done. Only `-h` and `--help`
///   ask for help, so the letter is hidden in every other word.
enum JobArguments {
    /// The subcommands that end in a name and a command.
    private static let subcommands: Set<String> = ["run", "elect"]

    /// The options of all subcommands that take the next word as their value; none of them is a flag of another.
    ///
    /// A test compares them with the parser's own.
    static let valueOptions: Set<String> = [
        "--socket", "--wait", "--ttl", "--grace", "--owner", "--at-least", "--at-most", "--release", "-E",
        "--if-unreachable", "--report", "--id", "--backoff", "--on-win", "--on-lose", "--is", "--after", "--reason",
        "--if", "--store",
    ]

    /// The subcommands that have subcommands of their own.
    private static let containers: Set<String> = ["prefix", "keys"]

    /// The arguments without the program's own name, with those of a job shielded.
    ///
    /// A `--` before the name, or between the name and the command, is accepted and left out.
    static func shielded(_ arguments: [String]) -> [String] {
        let arguments = subcommandFirst(arguments)
        let hasJob = arguments.first.map(subcommands.contains) ?? false
        var shielded: [String] = []
        var rest = arguments[...]
        while let word = rest.first {
            if word == "--" { return shielded + (hasJob ? job(rest.dropFirst()) : Array(rest)) }
            guard isOption(word) else {
                // The subcommand itself is the first.
                if hasJob, !shielded.isEmpty { return shielded + job(rest) }
                shielded.append(word)
                rest.removeFirst()
                continue
            }
            shielded.append(withoutHiddenHelp(word))
            rest.removeFirst()
            if valueOptions.contains(word), let value = rest.popFirst() {
                shielded.append(isOption(value) ? ArgumentText.shielded(value) : value)
            }
        }
        return shielded
    }

    /// Which daemon is meant may be said before the subcommand, too, and between the two words of one that has two: the
    /// parser knows it only behind.
    private static func subcommandFirst(_ arguments: [String]) -> [String] {
        var rest = arguments[...]
        var daemon = takeDaemon(&rest)
        guard let subcommand = rest.first, !isOption(subcommand) else { return arguments }
        rest.removeFirst()
        var words = [subcommand]
        if containers.contains(subcommand) {
            let before = rest
            let more = takeDaemon(&rest)
            if let nested = rest.first, !isOption(nested) {
                rest.removeFirst()
                words.append(nested)
                daemon += more
            } else {
                rest = before
            }
        }
        return words + daemon + rest
    }

    /// Takes the words that say which daemon is meant from the beginning.
    private static func takeDaemon(_ rest: inout ArraySlice<String>) -> [String] {
        var taken: [String] = []
        while let word = rest.first, word == "--user" || word == "--socket" || word.hasPrefix("--socket=") {
            let count = word == "--socket" ? 2 : 1
            taken += rest.prefix(count)
            rest = rest.dropFirst(count)
        }
        return taken
    }

    private static func isOption(_ argument: String) -> Bool {
        argument.hasPrefix("-") && argument != "-"
    }

    /// The word as it is if it asks for help or for the version, or looks like nothing of the kind.
    ///
    /// The parser finds help in each word of one dash with an `h` in it, and in the beginning of a longer word. There the
    /// letter is written as the byte that it is (``ArgumentText``), which is nobody's option.
    private static func withoutHiddenHelp(_ word: String) -> String {
        let isLong = word.hasPrefix("--")
        guard word != "-h" && word != "--help" && word != "--version" else { return word }
        guard !isLong || word.hasPrefix("--help") || word.hasPrefix("--version") else { return word }
        var hidden = String.UnicodeScalarView()
        for scalar in word.unicodeScalars {
            if scalar == "h" || isLong && scalar == "v" {
                hidden.append(contentsOf: ArgumentText.escaped(scalar).unicodeScalars)
            } else {
                hidden.append(scalar)
            }
        }
        return String(hidden)
    }

    /// The name, shielded, and the command as one word.
    private static func job(_ arguments: ArraySlice<String>) -> [String] {
        guard let name = arguments.first else { return [] }
        var command = arguments.dropFirst()
        if command.first == "--" { command.removeFirst() }
        return [ArgumentText.shielded(name)] + (command.isEmpty ? [] : [ArgumentText.joined(command)])
    }
}
