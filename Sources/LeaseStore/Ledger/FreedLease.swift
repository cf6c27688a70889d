package import LeaseCore

/// A lease that has become free.
package struct FreedLease: Hashable, Sendable {
    /// The lease.
    package let name: LeaseName
    /// When: at the end by time, if that has ended it, and otherwise when its end was decided.
    package let instant: BootInstant
}
