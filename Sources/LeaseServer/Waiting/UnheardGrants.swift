import LeaseCore

/// The waited grants that nobody knows of yet: their replies wait behind others for a socket that does not take more.
///
/// If such a reply can never be written the tenure ends at once. It does not if somebody has used its token meanwhile, or
/// been told of it by a repetition of the request.
struct UnheardGrants {
    private var fences: [LeaseName: Token] = [:]

    /// Notes grants whose replies are being written.
    mutating func add(_ grants: [(name: LeaseName, fence: Token)]) {
        for (name, fence) in grants {
            fences[name] = fence
        }
    }

    /// Somebody knows of a lease's tenure.
    mutating func hear(of name: LeaseName) {
        guard !fences.isEmpty else { return }
        fences[name] = nil
    }

    /// Forgets a grant; tells whether nobody knew of it.
    mutating func remove(_ name: LeaseName, fence: Token) -> Bool {
        guard fences[name] == fence else { return false }
        fences[name] = nil
        return true
    }
}
