/// A key of the store, or a child under a prefix: 1 to 1024 arbitrary bytes.
///
/// A key's lease is the lease whose name has the same bytes.
public struct Key: ByteName {
    /// The bytes of the key.
    public let bytes: [UInt8]

    /// Creates a key from its bytes.
    ///
    /// - Throws: ``LeaseError/Code/invalidRequest`` if it is empty, ``LeaseError/Code/tooBig`` if it is longer than
    ///   ``ByteName/maximumLength``.
    public init(_ bytes: some Sequence<UInt8>) throws(LeaseError) {
        self.bytes = try Self.checked(bytes, "key")
    }

    /// Creates the key whose lease is the one with this name.
    public init(_ name: LeaseName) {
        bytes = name.bytes
    }
}
