import LeaseCore

/// The waited grants that nobody knows of yet: their replies wait behind others for a socket that does not take more.
///
/// If such a reply can never be written the tenure ends at once. It does not if somebody has used its token meanwhile, or
/// been told of it by a repetition of the request: once that is durable, and so answered.
struct UnheardGrants {
    private var fences: [LeaseName: Token] = [:]
    /// Those that somebody hears of by this turn.
    private var heard: Set<LeaseName> = []
    /// Those of them whose own replies cannot be written.
    private var unwritten: [(name: LeaseName, fence: Token)] = []

    /// Notes grants whose replies are being written.
    mutating func add(_ grants: [(name: LeaseName, fence: Token)]) {
        for (name, fence) in grants {
            fences[name] = fence
        }
    }

    /// Somebody is told of a lease's tenure, if the turn becomes durable.
    mutating func hear(of name: LeaseName) {
        guard !fences.isEmpty, fences[name] != nil else { return }
        heard.insert(name)
    }

    /// What was heard of in the turn is known.
    mutating func commitSucceeded() {
        guard !heard.isEmpty else { return }
        for name in heard { fences[name] = nil }
        heard.removeAll()
        unwritten.removeAll()
    }

    /// Nobody has heard of anything in the turn; returns the grants that nobody will hear of.
    mutating func commitRefused() -> [(name: LeaseName, fence: Token)] {
        defer { unwritten.removeAll() }
        heard.removeAll()
        return unwritten
    }

    /// The replies are written.
    mutating func written(_ grants: [(name: LeaseName, fence: Token)]) {
        for (name, fence) in grants where fences[name] == fence {
            fences[name] = nil
        }
    }

    /// The replies can never be written; returns the grants that nobody knows of, nor is about to.
    mutating func failed(_ grants: [(name: LeaseName, fence: Token)]) -> [(name: LeaseName, fence: Token)] {
        let unheard = grants.filter { fences[$0.name] == $0.fence }
        written(unheard)
        unwritten += unheard.filter { heard.contains($0.name) }
        return unheard.filter { !heard.contains($0.name) }
    }
}
