import LeaseCore

/// How many leases a slice of folding writes, so that no turn waits long for it.
///
/// With few leases one write costs next to nothing, with a million a page of the file per index. So the pace follows
/// the time that slices have taken.
struct FoldPace {
    /// How long a slice may take.
    static let target = Duration.milliseconds(2)
    static let bounds = 32...512

    /// The most leases that the next slice should write.
    private(set) var writes = bounds.upperBound

    /// Adapts the pace to a slice that wrote `count` leases in `duration`.
    mutating func adapt(to duration: Duration, writes count: Int) {
        // A much shorter slice tells little.
        guard count > writes / 2 else { return }
        if duration > Self.target {
            writes = max(writes / 2, Self.bounds.lowerBound)
        } else if duration < Self.target / 2 {
            writes = min(writes * 2, Self.bounds.upperBound)
        }
    }
}
