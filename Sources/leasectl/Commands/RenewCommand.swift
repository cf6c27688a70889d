import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl renew NAME TOKEN TTL`: the new token on stdout.
struct RenewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Renew a lease and print its new token.",
        discussion: """
            The lease then lasts for the TTL from now, whether that is longer or shorter than the time that was left. \
            The old token is used up: if two renew with it, only one succeeds. The fence of the tenure stays the same. \
            If the token is not, or no longer, the lease's, the exit code is 76: stop the work.

                token=$(leasectl renew backup "$token" 5m) || exit
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    @Argument(help: "The newest token, as printed by acquire or renew.", transform: ArgumentValue.token)
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
