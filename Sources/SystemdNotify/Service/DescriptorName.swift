/// A name that the service manager's descriptor store accepts: `FDNAME=` of sd_notify(3).
///
/// 1 to 255 bytes of printable ASCII without `:`, which separates names in `LISTEN_FDNAMES`. The manager would give a
/// descriptor with any other name the name `stored`, so that it could no longer be found by its own.
package struct DescriptorName: Hashable, Sendable, CustomStringConvertible {
    /// The most bytes of a name.
    package static let longest = 255

    /// The name.
    package let description: String

    /// Creates a name.
    ///
    /// - Throws: ``SystemdError/Code/badName`` if the manager would not accept the text.
    package init(_ text: String) throws(SystemdError) {
        guard (1...Self.longest).contains(text.utf8.count) else {
            throw SystemdError(
                .badName,
                "a stored descriptor's name has 1 to \(Self.longest) bytes, and this one has \(text.utf8.count)"
            )
        }
        guard text.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ":") }) else {
            throw SystemdError(
                .badName,
                "a stored descriptor's name is printable ASCII without ':', and '\(LogText.escaped(text))' is not"
            )
        }
        description = text
    }
}
