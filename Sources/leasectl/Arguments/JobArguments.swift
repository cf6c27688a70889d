/// Classifies each word of a command line, before the option parser sees it.
///
///     leasectl run --try --owner -me backup rsync -a --help --try x
///              └── leasectl's ─────────┘ └── the job's ───────────┘
///
/// The parser judges a word by its form, and misjudges three kinds:
///
/// - *A job's own arguments.* Options stop at the lease name, but the parser still searches what follows for `--help`
///   if something before it is wrong, and always for completion requests. So the job's part is shielded, and its
///   command becomes one word. To find the name, it must be known which options take a value.
/// - *The value of an option*, which may begin with a dash: it is also shielded.
/// - *A word that is no option*, such as `-1h`. The parser takes each letter for an option and finds the `h` of help: a
///   script would succeed without doing anything. Only `-h` and `--help` ask for help, so the letter is escaped in
///   every other word.
enum JobArguments {
    /// The subcommands that end in a name and a command.
    private static let subcommands: Set<String> = ["run", "elect"]

    /// The options of all subcommands that take the next word as their value; none of them is a flag of another
    /// subcommand.
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
    /// A `--` before the name, or between the name and the command, is accepted and removed.
    static func shielded(_ arguments: [String]) -> [String] {
        let arguments = subcommandFirst(arguments)
        let hasJob = arguments.first.map(subcommands.contains) ?? false
        var shielded: [String] = []
        var rest = arguments[...]
        while let word = rest.first {
            if word == "--" { return shielded + (hasJob ? job(rest.dropFirst()) : Array(rest)) }
            guard isOption(word) else {
                // The first word is the subcommand itself.
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

    /// Moves the options that select the daemon after the subcommand.
    ///
    /// They may also come before it, or between the two words of a nested one, but the parser knows them only after it.
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

    /// Takes the words that select the daemon from the front.
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

    /// The word with the letters escaped in which the parser would wrongly find help or the version.
    ///
    /// The parser finds help in each single-dash word that contains an `h`, and in the beginning of a longer word.
    /// There the letter is escaped (``ArgumentText``), which makes it no option. A real request for help or the
    /// version, and any other word, is unchanged.
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
