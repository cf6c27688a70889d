import LeaseCore

/// A resource that the lease guards: it knows nothing of the daemon.
actor Ledger {
    private(set) var lines: [String] = []
    /// The greatest fence that anybody has written with.
    private var newest = Token.min

    /// Writes a line, unless somebody with a greater fence has written before.
    func write(_ line: String, fence: Token) -> Bool {
        guard fence >= newest else { return false }
        newest = fence
        lines.append(line)
        return true
    }
}
