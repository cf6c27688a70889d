import ArgumentParser
import LoadGenerator

/// `leased-load hand-over`.
struct HandOverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hand-over",
        abstract: "Time from the release of a lease to the grant to the next in line, of leased."
    )

    @Option(help: ArgumentHelp("leased's socket.", valueName: "path"))
    var path: String

    @Option(help: "Clients in line while another one holds the lease.")
    var waiters = 1

    @Option(help: ArgumentHelp("Seconds that are measured.", valueName: "s"))
    var seconds = 5.0

    @Option(help: ArgumentHelp("Seconds before that which are not.", valueName: "s"))
    var warmUp = 1.0

    @Option(help: ArgumentHelp("leased's process.", valueName: "pid"))
    var process: Int32?

    func validate() throws {
        guard waiters > 0, seconds > 0, warmUp >= 0 else { throw ValidationError("numbers are greater than 0") }
    }

    func run() throws {
        let run = HandOverRun(path: path, waiters: waiters, processes: process.map(ProcessTree.init(root:)))
        try printJSON(run.run(warmUp: nanoseconds(warmUp), measured: nanoseconds(seconds)))
    }
}
