import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl release NAME TOKEN`.
struct ReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Release a lease before its time is over.",
        discussion: """
            Another may get the lease at once, so first finish whatever it protects. If the token is not, or no \
            longer, the lease's, the exit code is 76 and nothing changes.

                leasectl release backup "$token"
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    @Argument(help: "The newest token, as printed by acquire or renew.", transform: ArgumentValue.token)
    var token: Token

    func run() throws {
        try connection.ask { [name, token] client throws(LeaseClientError) in
            try await client.release(name, token: token)
        }
        if output.json { try output.showObject(JSONText.bytes("name", name.bytes) + [.init("released", .bool(true))]) }
    }
}
