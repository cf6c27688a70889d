import ArgumentParser
import LeaseCore

/// How `run`, `elect` and `hold` hold a lease.
struct HolderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            How long the lease lasts without a renewal; it is renewed while it is held. At least twice the grace plus \
            2s (default: 30s; elect: 15s).
            """,
            valueName: "duration"
        ),
        transform: ArgumentValue.ttl
    )
    var ttl: TTL?

    @Option(
        help: ArgumentHelp(
            """
            The time allowed for stopping: for a job, between TERM and KILL; with hold, for what depends on it \
            (default: 10s; elect: 5s).
            """,
            valueName: "duration"
        ),
        transform: ArgumentValue.duration
    )
    var grace: Duration?

    @Option(
        help: ArgumentHelp(
            """
            The owner label, which others see as the holder and a job finds in LEASE_OWNER (default: the command's \
            name, cut if the daemon takes only shorter labels; elect: the host's name; hold: leasectl).
            """,
            valueName: "text"
        ),
        transform: ArgumentValue.label
    )
    var owner: Label?

    /// The TTL and the grace in effect.
    ///
    /// - Throws: if the holder could not stop, with a little to spare, before another can be granted.
    func times(ttl usual: TTL = .usual, grace usualGrace: Duration = .seconds(10)) throws -> HolderTimes {
        let times = HolderTimes(ttl: ttl ?? usual, grace: grace ?? usualGrace)
        guard times.ttl.duration >= times.grace * 2 + .seconds(2) else {
            throw ValidationError(
                "--ttl \(times.ttl) is too short for --grace \(DurationText.format(times.grace)): it has to be twice the grace and 2s more, \(DurationText.format(times.grace * 2 + .seconds(2))) at least, or the job could outlive its lease"
            )
        }
        return times
    }
}

/// How long a lease lasts without a renewal, and how long its holder gets to stop.
struct HolderTimes: Hashable, Sendable {
    let ttl: TTL
    let grace: Duration
}
