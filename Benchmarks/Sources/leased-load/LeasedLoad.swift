import ArgumentParser

/// The load generator: each subcommand makes one measurement of one running peer, and prints one JSON object.
@main
struct LeasedLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leased-load",
        abstract: "Drive leased, or a peer, with many clients from one thread, and measure it.",
        subcommands: [DriveCommand.self, HandOverCommand.self]
    )
}
