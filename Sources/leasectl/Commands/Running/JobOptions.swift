import ArgumentParser
import LeaseCore

/// How `run` and `elect` treat a job.
struct JobOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            If the job ends sooner, leave the lease in place until this time after the grant, but no longer than the \
            daemon's longest TTL, so that nobody runs the job again at once.
            """,
            valueName: "duration"
        ),
        transform: ArgumentValue.duration
    )
    var atLeast: Duration?

    @Option(
        help: ArgumentHelp("Stop the job after this time, and exit 124.", valueName: "duration"),
        transform: ArgumentValue.duration
    )
    var atMost: Duration?

    @Option(
        help: ArgumentHelp(
            """
            When to release the lease: tree, when no process that the job started is left; main, when the command \
            itself has ended.
            """,
            valueName: "when"
        )
    )
    var release: SupervisionPolicy.Release = .tree

    @Option(
        name: .customShort("E", allowingJoined: true),
        help: ArgumentHelp(
            "Exit with this code instead of 75 if another holds the lease, or the wait ended.",
            valueName: "code"
        ),
        transform: ArgumentValue.exitCode
    )
    var notAcquiredCode: Int32?

    @Flag(help: "Exit 0 without a message if another holds the lease, or the wait ended.")
    var skipOk = false

    @Option(
        help: ArgumentHelp(
            """
            What to do if the daemon cannot be reached: fail, exit 69; run, run the job without a lease; skip, do not \
            run it and exit 0. A socket that you may not open is a different case: exit 77.
            """,
            valueName: "what"
        )
    )
    var ifUnreachable: SupervisionPolicy.Unreachable = .fail

    @Option(
        help: ArgumentHelp("Write the outcome to this file, as one JSON object.", valueName: "file"),
        completion: .file(),
        transform: ArgumentValue.path
    )
    var report: String?

    func validate() throws {
        guard notAcquiredCode == nil || !skipOk else {
            throw ValidationError("-E and --skip-ok exclude each other; give one of them")
        }
        if let atMost, atMost <= .zero { throw ValidationError("--at-most is more than no time; try --at-most 1h") }
    }

    /// The exit code if another holds the lease.
    var notAcquiredStatus: Int32 { skipOk ? ExitStatus.success : notAcquiredCode ?? ExitStatus.notAcquired }
}

extension SupervisionPolicy.Release: ExpressibleByArgument {}
extension SupervisionPolicy.Unreachable: ExpressibleByArgument {}
