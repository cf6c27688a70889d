public import LeaseCore
internal import LeaseWire

/// Which leases are watched: one by its name, or all that a pattern matches.
///
///     for try await update in client.events(matching: ["backup/*"]) { … }
///     for try await update in client.events(matching: [.name(LeaseName("backup"))]) { … }
public struct LeasePattern: Hashable, Sendable, ExpressibleByStringLiteral {
    enum Kind: Hashable, Sendable {
        case name(LeaseName)
        case glob(Glob)
    }

    let kind: Kind

    private init(_ kind: Kind) {
        self.kind = kind
    }

    /// The lease with this name, whatever bytes it has.
    public static func name(_ name: LeaseName) -> LeasePattern {
        LeasePattern(.name(name))
    }

    /// The leases whose names match a pattern, byte by byte, with Redis's rules.
    ///
    /// `*` matches any bytes, `?` any one byte, `[abc]`, `[a-c]` and `[^a]` one byte of a set; `\` makes the next byte
    /// literal.
    public static func glob(_ bytes: some Sequence<UInt8>) -> LeasePattern {
        LeasePattern(.glob(Glob(bytes)))
    }

    /// The leases whose names match a pattern.
    public static func glob(_ pattern: String) -> LeasePattern {
        .glob(pattern.utf8)
    }

    /// Creates a pattern with wildcards.
    public init(stringLiteral pattern: String) {
        self = .glob(pattern)
    }
}
