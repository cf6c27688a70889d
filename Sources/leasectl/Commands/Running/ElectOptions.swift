import ArgumentParser
import LeaseCore

/// The options that only `elect` has.
struct ElectOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The owner label, which others see as the leader and the command finds in LEASE_OWNER; use it instead of \
            --owner (default: this machine's name; its first 16 bytes if the daemon takes only shorter labels).
            """,
            valueName: "text"
        ),
        transform: ArgumentValue.label
    )
    var id: Label?

    @Option(
        help: ArgumentHelp(
            "How long to stay out of the election after the command has failed (default: 2s).",
            valueName: "duration"
        ),
        transform: ArgumentValue.duration
    )
    var backoff: Duration?

    @Option(
        help: ArgumentHelp(
            """
            Run this program when elected, before the command. If it fails, the command is not started and the lease \
            is released.
            """,
            valueName: "path"
        ),
        completion: .file(),
        transform: ArgumentValue.file
    )
    var onWin: String?

    @Option(
        help: ArgumentHelp(
            "Run this program at the end of a term, before another can lead; it may take as long as --grace.",
            valueName: "path"
        ),
        completion: .file(),
        transform: ArgumentValue.file
    )
    var onLose: String?

    @Flag(help: "Lead at most once: exit when the first term has ended, for whatever reason.")
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
