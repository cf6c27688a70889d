import LeaseCore

/// The waited grants that nobody knows of yet: their replies wait behind others for a socket that does not take more.
///
/// If such a reply can never be written the tenure ends at once. It does not if somebody has used its token meanwhile, or
/// been told of it by a repetition of the request: once that is durable, and so answered.
struct UnheardGrants {
    private var fences: [LeaseName: Token] = [:]
    /// Those that somebody hears of by this turn.
    private var heard: Set<LeaseName> = []

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
    }

    /// Nobody has heard of anything in the turn.
    mutating func commitRefused() {
        heard.removeAll()
    }

    /// Forgets a grant; tells whether nobody knows of it, or is about to.
    mutating func remove(_ name: LeaseName, fence: Token) -> Bool {
        guard fences[name] == fence else { return false }
        fences[name] = nil
        return !heard.contains(name)
    }
}
