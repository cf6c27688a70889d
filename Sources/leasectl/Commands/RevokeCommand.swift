import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl revoke NAME`.
struct RevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End a tenure by force.",
        discussion: """
            For administrators, and for the user who was granted the lease. From now on the holder cannot renew it, \
            and a job of "leasectl run" is stopped. The tenure ends when the holder releases the lease, or dies while \
            the lease is bound or tied to it; at the latest after --after. Without --after it ends at once, or after \
            30s if the lease is tied, as every job's is. Another revoke replaces the time.

                leasectl revoke backup --after 1m --reason "the disk is being replaced"
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(
        help: ArgumentHelp(
            "How long the holder has to stop (default: 30s if the lease is tied, otherwise none).",
            valueName: "duration"
        ),
        transform: ArgumentValue.duration
    )
    var after: Duration?

    @Option(
        help: ArgumentHelp("The reason that the holder is told.", valueName: "text"),
        transform: ArgumentValue.label
    )
    var reason: Label?

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    func run() throws {
        let isRevoked = try connection.ask { [name, after, reason] client throws(LeaseClientError) in
            try await client.revoke(name, after: after, reason: reason?.text)
        }
        if output.json {
            try output.showObject(JSONText.bytes("name", name.bytes) + [.init("revoked", .bool(isRevoked))])
        } else if !isRevoked {
            try Console.writeLine("\(name) is free: there was nothing to revoke")
        }
    }
}
