import ArgumentParser
import Glibc
import LeaseClient
import LeaseCore

/// `leasectl watch [GLOB…]`: what happens to leases, as it happens.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show what happens to leases, as it happens.",
        discussion: """
            Prints a line for each lease that is held now, then one for each event: acquired, released, expired, \
            overdue, revoking, revoked, lost. A renewal is not an event. A glob may contain *, ?, [a-z], and a \
            backslash before a character that stands for itself. Without a glob, all leases are watched. The command \
            runs until it is stopped, or until nobody reads its output any more. If the daemon restarts, the command \
            says so on stderr, waits, and shows the present state again.

                leasectl watch
                leasectl watch 'backup/*' scheduler
                leasectl watch --json | jq -r 'select(.event == "lost") | .name'

            With --json, an event is an object with name, event, fence, owner, at_ms, and ttl_ms (acquired), reason \
            (revoking, revoked), after_ms (revoking). A lease of the present state is an object with the keys of \
            status, and its state also under event.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Which leases to watch; in quotes, or the shell expands it to file names.")
    var globs: [String] = []

    func validate() throws {
        if globs.contains("") { throw ValidationError("a glob is not empty; '*' is every lease") }
    }

    func run() throws {
        let patterns = globs.isEmpty ? [LeasePattern.glob("*")] : globs.map { .glob(ArgumentText.bytes($0)) }
        let style = TextStyle.standardOutput()
        try connection.carryOut(for: STDOUT_FILENO) { client throws(Failure) in
            var updates = client.events(matching: patterns).makeAsyncIterator()
            while let update = try await Failure.mapped({ () throws(LeaseClientError) in try await updates.next() }) {
                try show(update, style: style)
            }
        }
    }

    private func show(_ update: LeaseUpdate, style: TextStyle) throws(Failure) {
        switch update {
        case .state(let leases):
            for lease in leases {
                if output.json {
                    try output.showObject(lease.watchJSON)
                } else {
                    try Console.writeLine(lease.watchLine(style: style))
                }
            }
        case .event(let event):
            if output.json {
                try output.showObject(event.json)
            } else {
                try Console.writeLine(event.line(style: style))
            }
        case .interrupted(let error):
            Console.complain("\(error.message); waiting for the daemon")
        }
    }
}
