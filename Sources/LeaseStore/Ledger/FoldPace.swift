import LeaseCore

/// How many leases a slice of folding writes, so that no turn waits long for it.
///
/// What one costs is known by trying: among few leases next to nothing, among a million a page of the file for each index.
/// So the pace follows the time that slices have taken.
struct FoldPace {
    /// What a slice may take.
    static let target = Duration.milliseconds(2)
    static let bounds = 32...512

    /// The most leases that the next slice is to write.
    private(set) var writes = bounds.upperBound

    /// A slice has written so many leases in that time.
    mutating func adapt(to duration: Duration, writes count: Int) {
        // A shorter one tells little.
        guard count > writes / 2 else { return }
        if duration > Self.target {
            writes = max(writes / 2, Self.bounds.lowerBound)
        } else if duration < Self.target / 2 {
            writes = min(writes * 2, Self.bounds.upperBound)
        }
    }
}
