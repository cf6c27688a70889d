/// The replies of `COMMAND`, in the shapes of Redis 7, so that redis-cli completes and hints, and client libraries
/// parse them.
extension CommandTable {
    /// Answers `COMMAND` and its subcommands.
    package static func reply(to query: CommandQuery) -> RESPValue {
        switch query {
        case .count: .integer(Int64(all.count))
        case .docs(let names) where names.isEmpty: .fields(all.map { ($0.name, $0.documentation()) })
        case .docs(let names):
            .fields(
                names.compactMap { name in
                    resolve(name).map { ($0.spec.fullName(in: $0.parent), $0.spec.documentation(in: $0.parent)) }
                }
            )
        case .info(let names) where names.isEmpty: .array(all.map { $0.information() })
        case .info(let names):
            .array(names.map { name in resolve(name).map { $0.spec.information(in: $0.parent) } ?? .nullArray })
        }
    }

    /// A command by its name, or a subcommand by `command|subcommand`.
    private static func resolve(_ name: String) -> (spec: CommandSpec, parent: CommandSpec?)? {
        let parts = name.utf8.split(separator: UInt8(ascii: "|"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let spec = find(first) else { return nil }
        guard parts.count > 1 else { return (spec, nil) }
        return spec.subcommand(parts[1]).map { ($0, spec) }
    }
}

extension CommandSpec {
    /// `acquire`, and `client|id`.
    fileprivate func fullName(in parent: CommandSpec?) -> String {
        parent.map { "\($0.name)|\(name)" } ?? name
    }

    /// An element of `COMMAND INFO`: name, arity, flags, first key, last key, step, categories, tips, key
    /// specifications, subcommands.
    fileprivate func information(in parent: CommandSpec? = nil) -> RESPValue {
        let key = Int64(firstKey(in: parent))
        return .array([
            .text(fullName(in: parent)),
            .integer(Int64(arity(in: parent))),
            .set(flags.map { .simpleString($0.rawValue) }),
            .integer(key),
            .integer(Int64(lastKey(in: parent))),
            .integer(key == 0 ? 0 : 1),
            .set(categories.map { .simpleString($0) }),
            .set([]),
            .set(keySpecifications(in: parent)),
            .array(subcommands.map { $0.information(in: self) }),
        ])
    }

    /// A value of `COMMAND DOCS`.
    fileprivate func documentation(in parent: CommandSpec? = nil) -> RESPValue {
        var fields: [(String, RESPValue)] = [
            ("summary", .text(summary)),
            ("since", .text(since)),
            ("group", .text(group.rawValue)),
            ("complexity", .text(complexity)),
        ]
        if !arguments.isEmpty {
            fields.append(("arguments", .array(arguments.map(\.documentation))))
        }
        if !subcommands.isEmpty {
            let documents = subcommands.map { ($0.fullName(in: self), $0.documentation(in: self)) }
            fields.append(("subcommands", .fields(documents)))
        }
        return .fields(fields)
    }

    private var categories: [String] {
        var categories: [String] = []
        if flags.contains(.write) { categories.append("@write") }
        if flags.contains(.readonly) { categories.append("@read") }
        if flags.contains(.admin) { categories += ["@admin", "@dangerous"] }
        categories.append(flags.contains(.fast) ? "@fast" : "@slow")
        categories.append("@\(group.rawValue)")
        return categories
    }

    /// Where the keys are: from a fixed position on, or after each keyword `KEY`.
    private func keySpecifications(in parent: CommandSpec?) -> [RESPValue] {
        let hasMovableKeys = flags.contains(.movableKeys)
        let first = firstKey(in: parent)
        guard first > 0 || hasMovableKeys else { return [] }
        let access = flags.contains(.write) ? ["RW", "access", "update"] : ["RO", "access"]
        let start: [(String, RESPValue)] =
            hasMovableKeys
            ? [("keyword", .text("KEY")), ("startfrom", .integer(1))] : [("index", .integer(Int64(first)))]
        // A last key counts from the first one, or from the end if it is negative.
        let last: Int64 = lastKey(in: parent) < 0 ? -1 : 0
        return [
            .fields([
                ("flags", .set((access + (hasMovableKeys ? ["incomplete"] : [])).map { .simpleString($0) })),
                (
                    "begin_search",
                    .fields([("type", .text(hasMovableKeys ? "keyword" : "index")), ("spec", .fields(start))])
                ),
                (
                    "find_keys",
                    .fields([
                        ("type", .text("range")),
                        (
                            "spec",
                            .fields([("lastkey", .integer(last)), ("keystep", .integer(1)), ("limit", .integer(0))])
                        ),
                    ])
                ),
            ])
        ]
    }
}

extension ArgumentSpec {
    /// An element of `arguments` in `COMMAND DOCS`.
    fileprivate var documentation: RESPValue {
        var fields: [(String, RESPValue)] = [("name", .text(name)), ("type", .text(kind.rawValue))]
        if kind == .key {
            fields.append(("key_spec_index", .integer(0)))
        }
        if let keyword {
            fields.append(("token", .text(keyword)))
        }
        var flags = isOptional ? ["optional"] : []
        if isMultiple { flags.append("multiple") }
        if isMultiple, keyword != nil { flags.append("multiple_token") }
        if !flags.isEmpty {
            fields.append(("flags", .set(flags.map { .simpleString($0) })))
        }
        if !parts.isEmpty {
            fields.append(("arguments", .array(parts.map(\.documentation))))
        }
        return .fields(fields)
    }
}
