internal import LeaseCore

extension CommandTable {
    /// Commands on subscriptions.
    static let watching: [CommandSpec] = [
        CommandSpec(
            "subscribe",
            "Listens to what happens to leases, by name.",
            group: .pubsub,
            complexity: "O(N) with N names",
            flags: [.pubsub, .loading],
            arguments: [.required("channel").repeated]
        ) { arguments throws(LeaseError) in .watching(.subscribe(names: try arguments.channels())) },
        CommandSpec(
            "psubscribe",
            "Listens to what happens to leases whose names match patterns.",
            group: .pubsub,
            complexity: "O(N) with N patterns",
            flags: [.pubsub, .loading],
            arguments: [.required("pattern").repeated]
        ) { arguments throws(LeaseError) in .watching(.psubscribe(globs: try arguments.globs())) },
        CommandSpec(
            "unsubscribe",
            "Stops listening to leases, to all if none is named.",
            group: .pubsub,
            complexity: "O(N log N) with N names",
            flags: [.pubsub, .loading],
            arguments: [.any("channel")]
        ) { arguments throws(LeaseError) in .watching(.unsubscribe(names: try arguments.channels())) },
        CommandSpec(
            "punsubscribe",
            "Stops listening to patterns, to all if none is named.",
            group: .pubsub,
            complexity: "O(N log N) with N patterns",
            flags: [.pubsub, .loading],
            arguments: [.any("pattern")]
        ) { arguments throws(LeaseError) in .watching(.punsubscribe(globs: try arguments.globs())) },
    ]
}

extension ArgumentReader {
    fileprivate func channels() throws(LeaseError) -> [LeaseName] {
        var names: [LeaseName] = []
        for position in 0..<valueCount {
            names.append(try self[position].leaseName())
        }
        return names
    }

    fileprivate func globs() throws(LeaseError) -> [Glob] {
        var globs: [Glob] = []
        for position in 0..<valueCount {
            globs.append(Glob(try self[position].key("pattern").bytes))
        }
        return globs
    }
}
