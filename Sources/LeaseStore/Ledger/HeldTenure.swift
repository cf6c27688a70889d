import LeaseCore

/// A tenure as it stands from one event to the next, in one place for all who refer to it.
///
/// The leases in memory, the batch that may have to be put back, and the rows that are to be folded all speak of the same
/// states, and a tenure is 200 bytes: they share it.
final class HeldTenure: Sendable {
    let tenure: Tenure

    init(_ tenure: Tenure) {
        self.tenure = tenure
    }
}
