internal import LeaseCore

extension CommandTable {
    /// Commands on the rest of the store: simple values, prefixes, keys, entries.
    static let store: [CommandSpec] = [
        put, put.alias("set"), get, delete, delete.alias("del"), prefix, keys, export, importEntries,
    ]

    /// Makes a write depend on a lease.
    private static let guarded = ArgumentSpec.option("IF", parts: [.required("lease"), .required("token", .integer)])
    private static let count = ArgumentSpec.option("COUNT", "n", .integer)

    private static let put = CommandSpec(
        "put",
        "Sets a key's simple value.",
        group: .store,
        complexity: "O(log(N)) with N keys",
        flags: [.write],
        arguments: [.required("key", .key), .required("value"), guarded]
    ) { arguments throws(LeaseError) in
        .store(
            .put(
                key: try arguments[0].key(isNew: true),
                value: try arguments[1].simpleValue(),
                if: try arguments.leaseGuard()
            )
        )
    }

    private static let get = CommandSpec(
        "get",
        "Answers a key's simple value, or null.",
        group: .store,
        complexity: "O(log(N)) with N keys",
        flags: [.readonly],
        arguments: [.required("key", .key)]
    ) { arguments throws(LeaseError) in .store(.get(key: try arguments[0].key())) }

    private static let delete = CommandSpec(
        "delete",
        "Removes a key's simple value and answers whether there was one.",
        group: .store,
        complexity: "O(log(N)) with N keys",
        flags: [.write],
        arguments: [.required("key", .key), guarded]
    ) { arguments throws(LeaseError) in
        .store(.delete(key: try arguments[0].key(), if: try arguments.leaseGuard()))
    }

    private static let prefix = CommandSpec(
        "prefix",
        "Commands on the children of a key.",
        group: .store,
        flags: [],
        subcommands: [
            CommandSpec(
                "append",
                "Adds a child to a key.",
                group: .store,
                complexity: "O(log(N)) with N children",
                flags: [.write],
                arguments: [.required("key", .key), .required("child"), guarded]
            ) { arguments throws(LeaseError) in
                .store(
                    .prefixAppend(
                        key: try arguments[0].key(isNew: true),
                        child: try arguments[1].key("child", isNew: true),
                        if: try arguments.leaseGuard()
                    )
                )
            },
            CommandSpec(
                "list",
                "Lists the children of a key in byte order.",
                group: .store,
                complexity: "O(log(N)+M) with N children and M listed",
                flags: [.readonly],
                arguments: [.required("key", .key), .option("AFTER", "child"), count]
            ) { arguments throws(LeaseError) in
                .store(
                    .prefixList(
                        PrefixListCommand(
                            key: try arguments[0].key(),
                            after: try arguments.place?.key("child"),
                            count: try arguments["COUNT"]?.count()
                        )
                    )
                )
            },
            CommandSpec(
                "contains",
                "Answers whether a key has a child.",
                group: .store,
                complexity: "O(log(N)) with N children",
                flags: [.readonly],
                arguments: [.required("key", .key), .required("child")]
            ) { arguments throws(LeaseError) in
                .store(.prefixContains(key: try arguments[0].key(), child: try arguments[1].key("child")))
            },
            CommandSpec(
                "remove",
                "Removes a child from a key and answers whether it was there.",
                group: .store,
                complexity: "O(log(N)) with N children",
                flags: [.write],
                arguments: [.required("key", .key), .required("child"), guarded]
            ) { arguments throws(LeaseError) in
                .store(
                    .prefixRemove(
                        key: try arguments[0].key(),
                        child: try arguments[1].key("child"),
                        if: try arguments.leaseGuard()
                    )
                )
            },
        ]
    )

    private static let keys = CommandSpec(
        "keys",
        "Commands on keys, whatever they have.",
        group: .store,
        flags: [],
        subcommands: [
            CommandSpec(
                "list",
                "Lists the keys and which kinds of value each has, by key.",
                group: .store,
                complexity: "O(log(N)+M) with N keys and M listed",
                flags: [.readonly],
                arguments: [.option("PREFIX", "bytes"), .option("AFTER", "key"), count]
            ) { arguments throws(LeaseError) in
                .store(
                    .keysList(
                        KeysListCommand(
                            prefix: try arguments["PREFIX"]?.namePrefix() ?? [],
                            after: try arguments.place?.key(),
                            count: try arguments["COUNT"]?.count()
                        )
                    )
                )
            },
            CommandSpec(
                "range",
                "Lists the keys whose hash lies behind low and up to high, by hash, then key.",
                group: .store,
                complexity: "O(log(N)+M) with N keys and M listed",
                flags: [.readonly],
                arguments: [
                    .required("low", .integer), .required("high", .integer), .option("AFTER", "key"), count,
                ]
            ) { arguments throws(LeaseError) in
                .store(
                    .keysRange(
                        KeysRangeCommand(
                            low: try arguments[0].hash(),
                            high: try arguments[1].hash(),
                            after: try arguments.place?.key(),
                            count: try arguments["COUNT"]?.count()
                        )
                    )
                )
            },
            CommandSpec(
                "tracker",
                "Tells a key's hash and which kinds of value it has, or null.",
                group: .store,
                complexity: "O(log(N)) with N keys",
                flags: [.readonly],
                arguments: [.required("key", .key)]
            ) { arguments throws(LeaseError) in .store(.keysTracker(key: try arguments[0].key())) },
            CommandSpec(
                "remove",
                "Removes keys with all they have and answers how many there were.",
                group: .store,
                complexity: "O(M*log(N)) with M keys and children removed of N",
                flags: [.write],
                arguments: [.required("key", .key).repeated]
            ) { arguments throws(LeaseError) in .store(.keysRemove(keys: try arguments.keys())) },
        ]
    )

    private static let export = CommandSpec(
        "export",
        "Answers an entry for each key: all that it has.",
        group: .store,
        complexity: "O(M*log(N)) with M keys and children answered of N",
        flags: [.readonly],
        arguments: [.required("key", .key).repeated]
    ) { arguments throws(LeaseError) in .store(.export(keys: try arguments.keys())) }

    private static let importEntries = CommandSpec(
        "import",
        "Writes entries, all of them or none.",
        group: .store,
        complexity: "O(M*log(N)) with M keys and children written to N",
        flags: [.write, .movableKeys],
        arguments: [EntryWords.grammar.repeated]
    ) { arguments throws(LeaseError) in .store(.importEntries(try arguments.entries())) }
}

extension ArgumentReader {
    /// The condition `IF lease token`, if it is there.
    fileprivate func leaseGuard() throws(LeaseError) -> LeaseGuard? {
        guard let (lease, token) = pair(behind: "IF") else { return nil }
        return LeaseGuard(lease: try lease.leaseName(), token: try token.token())
    }

    fileprivate func keys() throws(LeaseError) -> [Key] {
        var keys: [Key] = []
        keys.reserveCapacity(valueCount)
        for position in 0..<valueCount {
            keys.append(try self[position].key())
        }
        return keys
    }

    /// All values as the words of entries to import.
    fileprivate func entries() throws(LeaseError) -> [StoreEntry] {
        var words = EntryWords(count: valueCount) { self[$0] }
        var entries: [StoreEntry] = []
        while let entry = try words.next() {
            try entry.checkTokenForImport(number: entries.count + 1)
            entries.append(entry)
        }
        return entries
    }
}
