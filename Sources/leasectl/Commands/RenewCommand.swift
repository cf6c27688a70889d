import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl renew NAME TOKEN TTL`: the new token on stdout.
struct RenewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Renew a lease and print its new token.",
        discussion: """
            The lease lasts for the TTL from now, be that longer or shorter than what was left. The old token is used \
            up, so that of two who renew with it one wins; the fence of the tenure stays what it was. If the token is \
            not, or no longer, the lease's, the exit code is 76: stop the work.

                token=$(leasectl renew backup "$token" 5m) || exit
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    @Argument(help: "The newest token, as acquire or renew printed it.", transform: ArgumentValue.token)
    var token: Token

    @OptionGroup var time: TTLOptions

    func run() throws {
        let newest = try connection.ask { [name, token, time] client throws(LeaseClientError) in
            try await client.renew(name, token: token, ttl: time.ttl)
        }
        do {
            try output.show(newest, name: name)
        } catch {
            // The old token is used up: without this one, the lease could only be left to its TTL.
            let reason = error.message.isEmpty ? "nobody reads stdout" : error.message
            throw Failure(error.status, "\(reason); lease '\(name)' is renewed, and its token is \(newest)")
        }
    }
}
