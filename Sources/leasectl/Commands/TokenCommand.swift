import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl token`: a new fencing token on stdout.
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Print a fresh fencing token, without a lease.",
        discussion: """
            It is greater than every token that the daemon has issued so far, for any lease, and every later token is \
            greater than it.

                leasectl token
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let token = try connection.ask { client throws(LeaseClientError) in try await client.token() }
        if output.json {
            try output.showObject([.init("token", .integer(token.rawValue))])
        } else {
            try Console.writeLine("\(token)")
        }
    }
}
