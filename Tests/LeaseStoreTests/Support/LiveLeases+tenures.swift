import LeaseCore

@testable import LeaseStore

extension LiveLeases {
    /// All of them, for comparison with a plain dictionary.
    var tenures: [LeaseName: Tenure] {
        Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.tenure) })
    }

    /// The same with tenures alone.
    @discardableResult
    mutating func put(_ tenure: Tenure?, for name: LeaseName) -> Tenure? {
        change(name, by: 0) { $0 = tenure }.before?.tenure
    }
}
