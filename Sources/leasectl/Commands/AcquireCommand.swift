import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl acquire NAME TTL`: the token on stdout.
struct AcquireCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acquire",
        abstract: "Acquire a lease and print its token.",
        discussion: """
            The token is the fence of the new tenure. It is greater than every earlier token, and it is needed to \
            renew and release the lease. Nobody renews the lease for you: it ends after its TTL. If another holds the \
            lease, the exit code is 75.

                token=$(leasectl acquire backup 5m) || exit
                rsync -a /home /mnt/backup
                leasectl release backup "$token"

            For a job that takes an unknown time, see "leasectl run", which renews the lease and cleans up.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(
        help: ArgumentHelp("The owner label, which others see as the holder (default: leasectl).", valueName: "text"),
        transform: ArgumentValue.label
    )
    var owner: Label?

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    @OptionGroup var time: TTLOptions

    func run() throws {
        let lease = try connection.ask { [name, time, owner] client throws(LeaseClientError) in
            try await client.acquire(name, ttl: time.ttl, owner: owner?.text)
        }
        do {
            try output.show(lease.token, fence: lease.fence, name: name)
        } catch {
            // Nobody has the token, so nobody could release the lease.
            try? connection.ask { [name] client throws(LeaseClientError) in
                try await client.release(name, token: lease.token)
            }
            throw error
        }
    }
}
