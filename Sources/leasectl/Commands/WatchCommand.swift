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
            First a line for each lease that is held now, then one for each event: acquired, released, expired, \
            overdue, revoking, revoked, lost. Renewals are no events. A glob has *, ?, [a-z] and a backslash before a \
            character that stands for itself; without one all leases are watched. It goes on until it is ended, also \
            over restarts of the daemon: then it says so on stderr, and shows the present state again. It ends, too, when nobody \
            reads what it writes any more.

                leasectl watch
                leasectl watch 'backup/*' scheduler
                leasectl watch --json | jq -r 'select(.event == "lost") | .name'

            With --json an event is an object with name, event, fence, owner, at_ms, and ttl_ms (acquired), reason \
            (revoking, revoked), after_ms (revoking); a lease of the present state is one with the keys of status, \
            and its state under event.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Which leases to watch; in quotes, or the shell takes it for files.")
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
