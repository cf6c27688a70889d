/// The name of a lease: 1 to 1024 arbitrary bytes.
public struct LeaseName: ByteName {
    /// The bytes of the name.
    public let bytes: [UInt8]

    /// Creates a name from its bytes.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is empty, ``LeaseError/Code/tooBig`` if it is longer than
    ///   ``ByteName/maximumLength``.
    public init(_ bytes: some Sequence<UInt8>) throws(LeaseError) {
        self.bytes = try Self.checked(bytes, "lease name")
    }

    /// Creates the name of the lease that a key has.
    public init(_ key: Key) {
        bytes = key.bytes
    }
}
