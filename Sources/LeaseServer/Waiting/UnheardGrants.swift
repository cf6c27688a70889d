import LeaseCore

/// The waited grants that nobody knows of yet: their replies are queued for a socket that takes no more.
///
/// If such a reply can never be written, the tenure ends at once. It does not if somebody has used its token meanwhile,
/// or was told of it by repeating the request, and that is durable, and so answered.
struct UnheardGrants {
    private var fences: [LeaseName: Token] = [:]
    /// The leases whose grants somebody hears of in this turn.
    private var heard: Set<LeaseName> = []
    /// Those of them whose own replies cannot be written.
    private var unwritten: [(name: LeaseName, fence: Token)] = []

    /// Notes grants whose replies are being written.
    mutating func add(_ grants: [(name: LeaseName, fence: Token)]) {
        for (name, fence) in grants {
            fences[name] = fence
        }
    }

    /// Notes that somebody is told of a lease's tenure, if the turn becomes durable.
    mutating func hear(of name: LeaseName) {
        guard !fences.isEmpty, fences[name] != nil else { return }
        heard.insert(name)
    }

    /// The grants heard of in this turn are known.
    mutating func commitSucceeded() {
        guard !heard.isEmpty else { return }
        for name in heard { fences[name] = nil }
        heard.removeAll()
        unwritten.removeAll()
    }

    /// Nobody has heard of anything in this turn; returns the grants that nobody will hear of.
    mutating func commitRefused() -> [(name: LeaseName, fence: Token)] {
        defer { unwritten.removeAll() }
        heard.removeAll()
        return unwritten
    }

    /// The replies have been written.
    mutating func written(_ grants: [(name: LeaseName, fence: Token)]) {
        for (name, fence) in grants where fences[name] == fence {
            fences[name] = nil
        }
    }

    /// The replies can never be written; returns the grants that nobody knows of or hears of in this turn.
    mutating func failed(_ grants: [(name: LeaseName, fence: Token)]) -> [(name: LeaseName, fence: Token)] {
        let unheard = grants.filter { fences[$0.name] == $0.fence }
        written(unheard)
        unwritten += unheard.filter { heard.contains($0.name) }
        return unheard.filter { !heard.contains($0.name) }
    }
}
