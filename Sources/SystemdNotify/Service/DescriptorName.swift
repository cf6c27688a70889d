/// A name that the service manager's descriptor store takes: `FDNAME=` of sd_notify(3).
///
/// 1 to 255 bytes of printable ASCII without `:`, which separates names in `LISTEN_FDNAMES`. The manager gives a
/// descriptor with another name the name `stored`, and would no longer find it by the name that was meant.
package struct DescriptorName: Hashable, Sendable, CustomStringConvertible {
    /// How many bytes a name may have.
    package static let longest = 255

    /// The name.
    package let description: String

    /// Takes the text if the manager does.
    ///
    /// - Throws: ``SystemdError/Code/badName``.
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
