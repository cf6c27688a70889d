package import LeaseCore

/// How large the values in a command may be.
///
/// A value over its limit is answered `TOOBIG`, a TTL `BADTTL`.
package struct ValueLimits: Hashable, Sendable {
    /// The most bytes of a lease name, a key or a child that a command creates; at most ``LeaseName/maximumLength``,
    /// the limit of those that exist.
    package var name: Int
    /// The most bytes of an owner label or a reason; at most ``Label/maximumLength``.
    package var label: Int
    /// The longest TTL.
    package var ttl: TTL
    /// The most bytes of a simple value.
    package var value: Int

    /// The defaults are the limits of `docs/PROTOCOL.md`, section 2.
    package init(
        name: Int = LeaseName.maximumLength,
        label: Int = Label.maximumLength,
        ttl: TTL = .max,
        value: Int = 1 << 20
    ) {
        self.name = name
        self.label = label
        self.ttl = ttl
        self.value = value
    }
}
