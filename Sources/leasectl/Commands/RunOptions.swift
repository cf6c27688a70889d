import ArgumentParser
import LeaseCore

/// The options of `run`.
struct RunOptions: ParsableArguments {
    @Flag(name: .customLong("try"), help: "Do not wait: if another holds the lease, exit 75 at once.")
    var triesOnce = false

    @Option(
        help: ArgumentHelp(
            "How long the lease lasts without a renewal: what a crash of this machine costs the next one. It is renewed while the job runs (default: 30s).",
            valueName: "duration"
        ),
        transform: ArgumentValue.ttl
    )
    var ttl: TTL = .usual

    @Option(
        help: ArgumentHelp(
            "How long a job that has to stop gets between TERM and KILL (default: 10s).",
            valueName: "duration"
        ),
        transform: ArgumentValue.duration
    )
    var grace: Duration?

    @Option(
        help: ArgumentHelp("Stop the job after this time, and exit 124.", valueName: "duration"),
        transform: ArgumentValue.duration
    )
    var atMost: Duration?

    @Option(
        help: ArgumentHelp(
            "What others are shown as the holder, also in LEASE_OWNER (default: the command's name).",
            valueName: "text"
        ),
        transform: ArgumentValue.label
    )
    var owner: Label?

    @Option(
        help: ArgumentHelp(
            "When to give the lease back: tree, when no process is left that the job started; main, when the command itself has ended.",
            valueName: "when"
        )
    )
    var release: SupervisionPolicy.Release = .tree

    @Option(
        name: .customShort("E", allowingJoined: true),
        help: ArgumentHelp("Exit with this code instead of 75 if another holds the lease.", valueName: "code"),
        transform: ArgumentValue.exitCode
    )
    var notAcquiredCode: Int32?

    @Flag(help: "Exit 0, and say nothing, if another holds the lease.")
    var skipOk = false

    @Option(
        help: ArgumentHelp("Write how it went into this file, as one JSON object.", valueName: "file"),
        completion: .file(),
        transform: ArgumentValue.path
    )
    var report: String?

    func validate() throws {
        guard triesOnce else {
            throw ValidationError(
                "this release of leasectl does not wait for a lease yet; add --try before the lease name"
            )
        }
        guard notAcquiredCode == nil || !skipOk else {
            throw ValidationError("-E and --skip-ok exclude each other; give one of them")
        }
        if let atMost, atMost <= .zero { throw ValidationError("--at-most is more than no time; try --at-most 1h") }
        // The holder must be able to stop the job, and a little more, before another can be granted.
        guard ttl.duration >= graceTime * 2 + .seconds(2) else {
            throw ValidationError(
                "--ttl \(ttl) is too short for --grace \(DurationText.format(graceTime)): it has to be twice the grace and 2s more, or the job could outlive its lease"
            )
        }
    }

    /// From TERM to KILL.
    var graceTime: Duration { grace ?? .seconds(10) }

    /// What to exit with if another holds the lease.
    var notAcquiredStatus: Int32 { skipOk ? ExitStatus.success : notAcquiredCode ?? ExitStatus.notAcquired }
}

extension SupervisionPolicy.Release: ExpressibleByArgument {}
