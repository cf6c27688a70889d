import ArgumentParser
import LoadGenerator

extension PeerKind: ExpressibleByArgument {}

/// `leased-load drive`.
struct DriveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drive",
        abstract: "Repeat a cycle of commands, for a time or a number of times."
    )

    @Option(help: "What is driven.")
    var peer: PeerKind

    @Option(help: ArgumentHelp("The Unix socket; for postgresql and flock a folder.", valueName: "path"))
    var path: String

    @Option(help: "What each client does: cycles, renewals, checks, puts, gets or holding.")
    var workload = "cycles"

    @Option(help: "The number of clients.")
    var clients = 1

    @Option(help: "The commands that each client keeps under way.")
    var pipeline = 1

    @Option(help: "Clients that share a connection (etcd).")
    var clientsPerConnection = 1

    @Option(help: ArgumentHelp("Seconds that are measured.", valueName: "s"))
    var seconds = 5.0

    @Option(help: ArgumentHelp("Seconds before that which are not.", valueName: "s"))
    var warmUp = 1.0

    @Option(help: ArgumentHelp("Do N cycles with names one after the other, instead of for a time.", valueName: "n"))
    var count: Int?

    @Option(help: "The number of names that are chosen from.")
    var names = 100_000

    @Option(help: "What names begin with.")
    var prefix = "lock:"

    @Option(help: "The TTL of leased's leases.")
    var ttl = "30s"

    @Option(help: "Where the choice of names begins.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("The peer's process; its descendants are the peer's too.", valueName: "pid"))
    var process: Int32?

    func validate() throws {
        guard clients > 0, pipeline > 0, clientsPerConnection > 0, seconds > 0, warmUp >= 0, count ?? 1 > 0 else {
            throw ValidationError("numbers are greater than 0")
        }
        guard names >= 2 * clients * pipeline || count != nil, names < 10_000_000 else {
            throw ValidationError("--names is at least twice what is under way, and has at most seven digits")
        }
        _ = try chosenWorkload()
    }

    func run() throws {
        let limit: LoadPlan.Limit =
            count.map { .count($0) } ?? .time(warmUp: nanoseconds(warmUp), measured: nanoseconds(seconds))
        let measurement = Measurement(
            peer: peer,
            path: path,
            plan: LoadPlan(
                workload: try chosenWorkload(),
                clients: clients,
                pipeline: pipeline,
                clientsPerConnection: clientsPerConnection,
                limit: limit
            ),
            names: LockNames(prefix: prefix),
            nameCount: max(names, count ?? 0),
            order: count == nil ? .random : .ascending,
            seed: seed,
            ttl: ttl,
            processes: process.map(ProcessTree.init(root:))
        )
        try printJSON(measurement.run())
    }

    private func chosenWorkload() throws -> Workload {
        let known = Workload.endless + (count == nil ? [] : [.holding])
        guard let workload = known.first(where: { $0.name == self.workload }) else {
            throw ValidationError("--workload is one of \(known.map(\.name).joined(separator: ", "))")
        }
        return workload
    }
}
