import LeaseCore

/// How many leases a slice of folding writes, so that no turn waits long for it.
///
/// What one costs is known by trying: among few leases next to nothing, among a million a page of the file for each index.
/// So the pace follows the time that slices have taken. The more there is to be folded the longer they may be, so that
/// folding keeps up with whoever writes without a pause.
struct FoldPace {
    /// What a slice may take while little is to be folded.
    static let target = Duration.milliseconds(2)
    /// With so many more rows to be folded a slice may take as long again.
    static let backlogOfATarget: Int64 = 131_072
    static let bounds = 32...512

    /// The most leases that the next slice is to write.
    private(set) var writes = bounds.upperBound

    /// A slice has written so many leases in that time.
    mutating func adapt(to duration: Duration, writes count: Int, backlog: Int64) {
        // A shorter one tells little: the sync takes the same whatever is written.
        guard count > writes / 2 else { return }
        let target = Self.target * Int(1 + backlog / Self.backlogOfATarget)
        if duration > target {
            writes = max(writes / 2, Self.bounds.lowerBound)
        } else if duration < target / 2 {
            writes = min(writes * 2, Self.bounds.upperBound)
        }
    }
}
