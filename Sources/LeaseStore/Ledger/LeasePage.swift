package import LeaseCore

/// A page of the list of leases, by name.
package struct LeasePage: Sendable {
    /// Only names that begin with these bytes.
    package var prefix: [UInt8]
    /// Only names after this one, which need not exist.
    package var after: LeaseName?
    /// At most this many.
    package var count: Int

    /// Creates a page.
    package init(prefix: [UInt8] = [], after: LeaseName? = nil, count: Int = .max) {
        self.prefix = prefix
        self.after = after
        self.count = count
    }
}
