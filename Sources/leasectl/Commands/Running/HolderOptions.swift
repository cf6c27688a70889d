import ArgumentParser
import LeaseCore

/// How `run`, `elect` and `hold` hold a lease.
struct HolderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long the lease lasts without a renewal; it is renewed as long as it is held. At least twice the grace and 2s (default: 30s; elect: 15s).",
            valueName: "duration"
        ),
        transform: ArgumentValue.ttl
    )
    var ttl: TTL?

    @Option(
        help: ArgumentHelp(
            "How long whoever has to stop gets for it: a job, between TERM and KILL; with hold what depends on it (default: 10s; elect: 5s).",
            valueName: "duration"
        ),
        transform: ArgumentValue.duration
    )
    var grace: Duration?

    @Option(
        help: ArgumentHelp(
            "What others are shown as the holder, and a job in LEASE_OWNER (default: the command's name, cut if the daemon takes only shorter labels; elect: the host's; hold: leasectl).",
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
