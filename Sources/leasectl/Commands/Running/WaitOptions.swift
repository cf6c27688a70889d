import ArgumentParser
import LeaseClient

/// How long `run`, `elect` and `hold` wait for a lease that another holds.
struct WaitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Wait at most this long for the lease; then exit 75 (default: no limit). 0s is the same as --try.",
            valueName: "duration"
        ),
        transform: ArgumentValue.duration
    )
    var wait: Duration?

    @Flag(name: .customLong("try"), help: "Do not wait: if another holds the lease, exit 75 at once.")
    var triesOnce = false

    func validate() throws {
        if triesOnce, wait != nil { throw ValidationError("--wait and --try exclude each other; give one of them") }
    }

    /// The wait as the client library takes it.
    var leaseWait: LeaseWait { triesOnce || wait == .zero ? .none : wait.map { .upTo($0) } ?? .forever }
}
