import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl status NAME`: all that is known of one lease.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show who holds a lease.",
        discussion: """
            With --is it prints nothing and answers by its exit code: 0 if the lease is held under that owner label, 1 \
            if it is not. A health check can ask this way whether this machine leads.

                leasectl status backup
                leasectl status scheduler --is "$(hostname)" && echo "this machine leads"

            With --json, a lease that nobody holds is an object with "state":"free".
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(
        name: .customLong("is"),
        help: ArgumentHelp("Exit 0 if this is the holder's owner label, otherwise 1.", valueName: "text"),
        transform: ArgumentValue.label
    )
    var expectedOwner: Label?

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    func run() throws {
        let status = try connection.ask { [name] client throws(LeaseClientError) in try await client.holder(of: name) }
        if let expectedOwner {
            if status?.owner != expectedOwner.text { throw Failure(ExitStatus.isAnother, "") }
        } else if output.json {
            try output.showObject(
                status?.json ?? JSONText.bytes("name", name.bytes) + [.init("state", .string("free"))]
            )
        } else if let status {
            try status.show(style: .standardOutput())
        } else {
            try Console.writeLine("\(name) is free")
        }
    }
}
