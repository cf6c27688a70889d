import ArgumentParser
import LeaseClient
import LeaseCore

/// `leasectl ping`: whether the daemon answers.
struct PingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Check whether the daemon answers.",
        discussion: """
            Exits 0 if it does, 69 if it cannot be reached, 77 if you may not open its socket.

                leasectl ping && echo "leased is there"
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let asked = BootClock.now()
        try connection.ask { client throws(LeaseClientError) in try await client.ping() }
        let time = asked.duration(to: BootClock.now())
        if output.json {
            try output.showObject([
                .init("socket", .string(connection.socketPath)),
                .init("round_trip_us", .integer(time.wholeNanoseconds / 1000)),
            ])
        } else {
            try Console.writeLine("leased answers at \(connection.socketPath)")
        }
    }
}
