import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl list [PREFIX]`: who holds what.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show who holds what, since when, and how long is left.",
        discussion: """
            Sorted by name, in byte order. What is not printable in a name is shown as \\xHH. WAITERS is the number of \
            clients in the queue. HELD BY tells what ends a tenure that is not released: "time", its time; \
            "connection", its time or the end of the holder's connection; "tie", the end of all processes that \
            inherited its tie, and never its time (when that is over, the state is overdue).

                leasectl list
                leasectl list backup/
                leasectl list --json | jq -r 'select(.remaining_ms < 5000) | .name'
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Only leases whose names begin with this.")
    var prefix: String?

    func run() throws {
        let prefix = ArgumentText.bytes(prefix ?? "")
        let leases = try connection.ask { client throws(LeaseClientError) in
            var all: [LeaseStatus] = []
            for try await lease in client.allLeases(prefix: prefix) { all.append(lease) }
            return all
        }
        if output.json {
            for lease in leases { try output.showObject(lease.json) }
        } else if !leases.isEmpty {
            var table = TextTable(LeaseStatus.columns)
            for lease in leases { table.add(lease.row) }
            for line in table.lines(style: .standardOutput()) { try Console.writeLine(line) }
        }
    }
}
