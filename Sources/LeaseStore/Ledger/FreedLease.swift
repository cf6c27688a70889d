package import LeaseCore

/// A lease that has become free.
package struct FreedLease: Hashable, Sendable {
    /// The lease.
    package let name: LeaseName
    /// When it became free: at its end by time, if that ended it, otherwise when its end was decided.
    package let instant: BootInstant
}
