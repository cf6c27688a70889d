import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl check NAME TOKEN`: the milliseconds left, on stdout.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check whether a tenure is still in force, and print the milliseconds left.",
        discussion: """
            Takes the newest token or the fence, for example the LEASE_TOKEN of a job. Prints 0 if the tenure is \
            overdue but still held. If it is over, the exit code is 76. In a script, check before a step that cannot \
            be undone:

                leasectl check "$LEASE_NAME" "$LEASE_TOKEN" > /dev/null || exit
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    @Argument(help: "The tenure's newest token, or its fence.", transform: ArgumentValue.token)
    var token: Token

    func run() throws {
        let left = try connection.ask { [name, token] client throws(LeaseClientError) in
            try await client.check(name, token: token)
        }
        let milliseconds = left.wholeMilliseconds
        if output.json {
            try output.showObject(JSONText.bytes("name", name.bytes) + [.init("remaining_ms", .integer(milliseconds))])
        } else {
            try Console.writeLine("\(milliseconds)")
        }
    }
}
