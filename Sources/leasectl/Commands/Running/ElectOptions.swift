import ArgumentParser
import LeaseCore

/// The options that only `elect` has.
struct ElectOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What others are shown as the leader, and what LEASE_OWNER is in place of --owner (default: this machine's name; its first 16 bytes where the daemon takes only shorter labels).",
            valueName: "text"
        ),
        transform: ArgumentValue.label
    )
    var id: Label?

    @Option(
        help: ArgumentHelp(
            "How long to keep away from the next election after the command has failed (default: 2s).",
            valueName: "duration"
        ),
        transform: ArgumentValue.duration
    )
    var backoff: Duration?

    @Option(
        help: ArgumentHelp(
            "Run this program when elected, before the command. If it fails, the command is not started and the lease given back.",
            valueName: "path"
        ),
        completion: .file(),
        transform: ArgumentValue.file
    )
    var onWin: String?

    @Option(
        help: ArgumentHelp(
            "Run this program when no longer leader, before another can be; it gets as long as --grace.",
            valueName: "path"
        ),
        completion: .file(),
        transform: ArgumentValue.file
    )
    var onLose: String?

    @Flag(help: "Lead at most once: exit when the first term has ended, however it has.")
    var once = false

    func validate() throws {
        for (option, path) in [("--on-win", onWin), ("--on-lose", onLose)] where path?.isEmpty == true {
            throw ValidationError("\(option) names a program")
        }
    }

    /// A program without arguments.
    static func program(_ path: String?) -> JobCommand? {
        path.flatMap { JobCommand([ArgumentText.bytes($0)]) }
    }
}
