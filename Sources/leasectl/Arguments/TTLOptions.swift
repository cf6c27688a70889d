import ArgumentParser
import LeaseCore

/// How long a grant or a renewal lasts: the last argument, as in the protocol, or `--ttl`, as for `run`.
struct TTLOptions: ParsableArguments {
    @Argument(help: "How long it lasts from now, as in 30s, 5m or 1h30m (default: 30s).", transform: ArgumentValue.ttl)
    var time: TTL?

    @Option(
        name: .customLong("ttl"),
        help: ArgumentHelp("The same time, as an option.", valueName: "duration"),
        transform: ArgumentValue.ttl
    )
    var option: TTL?

    /// The given TTL, or the default.
    var ttl: TTL { time ?? option ?? .usual }

    func validate() throws {
        if time != nil, option != nil { throw ValidationError("the time is given twice; leave out --ttl") }
    }
}

extension TTL {
    /// The default TTL of a lease: 30 s.
    static let usual: TTL = {
        guard let ttl = try? TTL(.seconds(30)) else { preconditionFailure("30 s is a TTL") }
        return ttl
    }()
}
