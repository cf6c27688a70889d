import ArgumentParser
import LeaseCore

/// The root command; each subcommand has its own file under `Commands`.
struct Leasectl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leasectl",
        abstract: "Run jobs under leases, and inspect and manage the leases of a leased daemon.",
        discussion: """
            A lease is a named, exclusive claim for a limited time. Each grant begins a tenure, and gives its holder a \
            fence: a number that grows with every grant. A resource that compares fences can turn away an earlier \
            holder.

            Never two backups at once, whatever cron does:
                leasectl run --try backup -- rsync -a /home /mnt/backup

            One leader among several candidates, of any user:
                leasectl elect scheduler ./scheduler

            Who holds what, and what happens:
                leasectl list
                leasectl watch

            A value that is written only while a lease is held:
                leasectl put --if "$LEASE_NAME:$LEASE_TOKEN" backup/last "$(date)"

            Exit codes: 1 no, or not there; 64 usage; 65 the input is damaged or too big; 66 the input cannot be read; \
            69 the daemon cannot be reached or has no room; 70 internal error; 73 a file cannot be created; 74 the \
            output cannot be written; 75 another holds the lease; 76 the lease is lost; 77 denied. "leasectl help run" \
            lists those of run.

            Completions for bash, zsh or fish:
                leasectl --generate-completion-script bash > leasectl.bash
            """,
        version: "leasectl \(LeasedVersion.current)",
        subcommands: [
            RunCommand.self, ElectCommand.self, HoldCommand.self, AcquireCommand.self, RenewCommand.self,
            ReleaseCommand.self, CheckCommand.self, TokenCommand.self, ListCommand.self, StatusCommand.self,
            WatchCommand.self, RevokeCommand.self, PingCommand.self, InfoCommand.self, PutCommand.self,
            GetCommand.self, DeleteCommand.self, PrefixCommand.self, KeysCommand.self, ExportCommand.self,
            ImportCommand.self, BackupCommand.self,
        ]
    )

    func run() throws {
        throw Failure.missingCommand(of: Self.self)
    }
}

extension Leasectl {
    /// Refuses a request for help about an unknown command, so that a script with a misspelt command fails.
    ///
    /// Without a request for help, the parser itself refuses such a command.
    static func requireKnownCommand(in arguments: [String]) throws(Failure) {
        let asksForHelp = arguments.first == "help" || arguments.contains { $0 == "-h" || $0 == "--help" }
        guard asksForHelp else { return }
        var command: any ParsableCommand.Type = Leasectl.self
        for word in arguments.first == "help" ? arguments.dropFirst() : arguments[...] {
            let subcommands = command.configuration.subcommands
            guard !word.hasPrefix("-"), !subcommands.isEmpty else { return }
            guard let next = subcommands.first(where: { $0._commandName == word }) else {
                throw Failure.unknownCommand(word, under: command)
            }
            command = next
        }
    }
}

extension Failure {
    /// There is no such command.
    static func unknownCommand(_ word: String, under command: any ParsableCommand.Type) -> Failure {
        let names = command.configuration.subcommands.map { $0._commandName }
        return Failure(ExitStatus.usage, "unknown command '\(word)'; name one of \(names.joined(separator: ", "))")
    }

    /// A command that only groups others was given without one of them: by an empty variable in a script, say.
    static func missingCommand(of command: any ParsableCommand.Type) -> Failure {
        let names = command.configuration.subcommands.map { $0._commandName }
        let path = command == Leasectl.self ? "leasectl" : "leasectl \(command._commandName)"
        return Failure(
            ExitStatus.usage,
            "no command was given; name one of \(names.joined(separator: ", ")), or see \(path) --help"
        )
    }
}
