internal import LeaseCore

extension CommandTable {
    /// Commands on leases: names, time limits, tokens.
    static let leases: [CommandSpec] = [
        CommandSpec(
            "acquire",
            "Grants a lease for a time, once it is free, and answers its fencing token.",
            group: .lease,
            flags: [.write, .fast, .blocking],
            arguments: [
                .required("name", .key), .required("ttl"), .option("WAIT", "duration|FOREVER"),
                .option("OWNER", "label"), .option("REQUEST", "id"), .flag("BIND"),
            ]
        ) { arguments throws(LeaseError) in
            .acquire(
                AcquireCommand(
                    name: try arguments[0].leaseName(isNew: true),
                    ttl: try arguments[1].ttl(),
                    wait: try arguments["WAIT"]?.waitLimit(),
                    owner: try arguments["OWNER"]?.label(),
                    request: try arguments["REQUEST"]?.requestID(),
                    binds: arguments.contains("BIND")
                )
            )
        },
        CommandSpec(
            "renew",
            "Begins the time of a held lease anew and answers its new token.",
            group: .lease,
            flags: [.write, .fast],
            arguments: [
                .required("name", .key), .required("token", .integer), .required("ttl"), .option("REQUEST", "id"),
                .flags("binding", oneOf: ["BIND", "UNBIND"]),
            ]
        ) { arguments throws(LeaseError) in
            .renew(
                RenewCommand(
                    name: try arguments[0].leaseName(),
                    token: try arguments[1].token(),
                    ttl: try arguments[2].ttl(),
                    request: try arguments["REQUEST"]?.requestID(),
                    binding: arguments.contains("BIND") ? .bind : arguments.contains("UNBIND") ? .unbind : .keep
                )
            )
        },
        CommandSpec(
            "release",
            "Ends a tenure by its newest token.",
            group: .lease,
            flags: [.write, .fast],
            arguments: [.required("name", .key), .required("token", .integer)]
        ) { arguments throws(LeaseError) in
            .release(name: try arguments[0].leaseName(), token: try arguments[1].token())
        },
        CommandSpec(
            "tie",
            "Makes the connection a tie, for a process tree to inherit: the tenure ends with its last holder.",
            group: .lease,
            flags: [.write, .fast],
            arguments: [.required("name", .key), .required("token", .integer)]
        ) { arguments throws(LeaseError) in
            .tie(name: try arguments[0].leaseName(), token: try arguments[1].token())
        },
        CommandSpec(
            "check",
            "Answers the milliseconds left of the tenure that a token belongs to.",
            group: .lease,
            flags: [.readonly, .fast],
            arguments: [.required("name", .key), .required("token", .integer)]
        ) { arguments throws(LeaseError) in
            .check(name: try arguments[0].leaseName(), token: try arguments[1].token())
        },
        CommandSpec(
            "holder",
            "Tells who holds a lease, or null.",
            group: .lease,
            flags: [.readonly, .fast],
            arguments: [.required("name", .key)]
        ) { arguments throws(LeaseError) in
            .holder(name: try arguments[0].leaseName())
        },
        CommandSpec(
            "leases",
            "Lists the leases that are held, by name.",
            group: .lease,
            complexity: "O(log(N)+M) with N leases held and M listed",
            flags: [.readonly],
            arguments: [.option("PREFIX", "bytes"), .option("AFTER", "name"), .option("COUNT", "n", .integer)]
        ) { arguments throws(LeaseError) in
            .leases(
                LeasesCommand(
                    prefix: try arguments["PREFIX"]?.namePrefix() ?? [],
                    after: try arguments.place?.leaseName(),
                    count: try arguments["COUNT"]?.count()
                )
            )
        },
        CommandSpec(
            "revoke",
            "Ends a tenure by force, at once or after a time, and answers whether there was one.",
            group: .lease,
            flags: [.write, .fast],
            arguments: [.required("name", .key), .option("AFTER", "duration"), .option("REASON", "text")]
        ) { arguments throws(LeaseError) in
            .revoke(
                RevokeCommand(
                    name: try arguments[0].leaseName(),
                    after: try arguments["AFTER"]?.duration(),
                    reason: try arguments["REASON"]?.label() ?? .empty
                )
            )
        },
        CommandSpec(
            "token",
            "Answers a fresh fencing token without a lease.",
            group: .lease,
            flags: [.write, .fast]
        ) { _ in .token },
    ]
}
