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

    /// The lease of a name, whatever bytes it has.
    public static func name(_ name: LeaseName) -> LeasePattern {
        LeasePattern(.name(name))
    }

    /// The leases whose names a pattern matches, byte by byte, as Redis has it.
    ///
    /// `*` is any bytes, `?` any byte, `[abc]`, `[a-c]` and `[^a]` one of some; `\` takes the next byte as it is.
    public static func glob(_ bytes: some Sequence<UInt8>) -> LeasePattern {
        LeasePattern(.glob(Glob(bytes)))
    }

    /// The leases whose names a pattern matches.
    public static func glob(_ pattern: String) -> LeasePattern {
        .glob(pattern.utf8)
    }

    /// Creates a pattern with wildcards.
    public init(stringLiteral pattern: String) {
        self = .glob(pattern)
    }
}
