package import LeaseCore

/// Every limit of the daemon, so that no client, however slow or hostile, costs more than is written here.
///
/// A request over a limit is refused with a named error and has changed nothing (`docs/PROTOCOL.md`, section 6). The
/// limits "per user" hold for each uid by itself; the last `reservedForAdministrators` places of a limit on connections,
/// leases, waiters, ties, subscriptions or patterns in all are for administrators, so that one can always look and revoke. A reload
/// of the configuration changes all of them for what comes afterwards; what is there already stays, and so do the
/// limits of frames on connections that are open.
package struct Limits: Hashable, Sendable {
    /// Connections in all.
    ///
    /// Each takes a descriptor: the unit's `LimitNOFILE=` must leave room.
    package var connections = 10_000
    /// Connections of one user.
    package var connectionsPerUser = 4000
    /// Leases in force, in all.
    ///
    /// They are kept in memory, at most about 2 KiB each.
    package var leases = 100_000
    /// Leases in force of one user.
    package var leasesPerUser = 50_000
    /// Waiters in all; each has a connection of its own.
    package var waiters = 8000
    /// Waiters for one lease.
    package var waitersPerLease = 4000
    /// Waiters of one user.
    package var waitersPerUser = 3000
    /// Ties in all; each is a connection of its own.
    ///
    /// Under systemd the unit's `FileDescriptorStoreMax=` must not be less, or a restart loses some.
    package var ties = 4000
    /// Ties of one user.
    package var tiesPerUser = 2000
    /// Subscriptions to names and patterns, in all.
    ///
    /// Each takes memory for its name, at most about 2 KiB.
    package var subscriptions = 100_000
    /// Subscriptions of one user.
    package var subscriptionsPerUser = 20_000
    /// Subscriptions of one connection.
    package var subscriptionsPerConnection = 4000
    /// Different patterns that are subscribed to, in all.
    ///
    /// Each is compared with the name of every lease that something happens to.
    package var patterns = 2000
    /// Different patterns of one user.
    ///
    /// Together they have at most 64 bytes for each of these, or 4096.
    package var patternsPerUser = 200
    /// Bytes of messages that a subscriber may have left unread, beside what its socket holds; past it the connection is
    /// closed.
    package var subscriberOutputBytes = 8 << 20
    /// Bytes of messages that all subscribers together may have left unread; past it, whoever has more than its share is
    /// disconnected.
    package var subscriberOutputBytesInAll = 256 << 20
    /// Places of the limits on connections, leases, waiters, ties, subscriptions and patterns in all that only
    /// administrators get; of a limit that is no larger, all but one.
    package var reservedForAdministrators = 16

    /// Bytes of one frame, all its arguments together; past it the connection is closed.
    package var frameBytes = 8 << 20
    /// Arguments of one frame; past it the connection is closed.
    package var arguments = 65_536
    /// Bytes of an inline command's line; past it the connection is closed.
    package var inlineBytes = 64 << 10
    /// Bytes of one value; past it the value is dropped and its command refused.
    package var valueBytes = 1 << 20
    /// Bytes of a lease name, key or child.
    package var nameBytes = LeaseName.maximumLength
    /// Bytes of an owner label or a reason.
    package var labelBytes = 256
    /// The longest TTL that is granted.
    package var longestTTL = TTL.max

    /// Bytes of the store's file that hold something; past it values, children and imports are refused.
    ///
    /// Leases go on, and so does what removes.
    package var storeBytes = 16 << 30

    /// Elements of one list reply without `COUNT`; past it the caller is told to page.
    package var listElements = 100_000
    /// Bytes of one list reply without `COUNT`; past it the caller is told to page.
    package var listBytes = 8 << 20

    /// Children that the keys of one `KEYS REMOVE` have together; past it the caller is told to name fewer keys, or to
    /// remove children first.
    ///
    /// A million take a third of a second, in which nobody else is served.
    package var removedChildren = 250_000

    /// Creates the limits of a daemon without a configuration.
    package init() {}
}

extension Limits {
    /// Bytes of the different patterns of one user, together: what they cost grows with these.
    var patternBytesPerUser: Int { max(64 * patternsPerUser, 4096) }

    /// How a limit that is a number is named in the configuration, and how far it may go.
    struct Field: Sendable {
        let key: String
        let path: any WritableKeyPath<Limits, Int> & Sendable
        let range: ClosedRange<Int>
        /// Whether `KiB` and the like may follow the number.
        var isBytes = false
    }

    /// The numbers, under `limits` in the configuration.
    ///
    /// The upper bounds keep a slip of the pen from being an invitation; the lower ones are what the protocol needs to
    /// work at all.
    static let fields: [Field] = [
        Field(key: "connections", path: \.connections, range: 1...1_000_000),
        Field(key: "connections-per-user", path: \.connectionsPerUser, range: 1...1_000_000),
        Field(key: "leases", path: \.leases, range: 1...10_000_000),
        Field(key: "leases-per-user", path: \.leasesPerUser, range: 1...10_000_000),
        Field(key: "waiters", path: \.waiters, range: 1...1_000_000),
        Field(key: "waiters-per-lease", path: \.waitersPerLease, range: 1...1_000_000),
        Field(key: "waiters-per-user", path: \.waitersPerUser, range: 1...1_000_000),
        Field(key: "ties", path: \.ties, range: 1...1_000_000),
        Field(key: "ties-per-user", path: \.tiesPerUser, range: 1...1_000_000),
        Field(key: "subscriptions", path: \.subscriptions, range: 1...10_000_000),
        Field(key: "subscriptions-per-user", path: \.subscriptionsPerUser, range: 1...10_000_000),
        Field(key: "subscriptions-per-connection", path: \.subscriptionsPerConnection, range: 1...1_000_000),
        Field(key: "patterns", path: \.patterns, range: 1...100_000),
        Field(key: "patterns-per-user", path: \.patternsPerUser, range: 1...100_000),
        Field(key: "subscriber-output-bytes", path: \.subscriberOutputBytes, range: 4 << 10...1 << 30, isBytes: true),
        Field(
            key: "subscriber-output-bytes-in-all",
            path: \.subscriberOutputBytesInAll,
            range: 64 << 10...16 << 30,
            isBytes: true
        ),
        Field(key: "reserved-for-administrators", path: \.reservedForAdministrators, range: 0...10_000),
        Field(key: "frame-bytes", path: \.frameBytes, range: 4 << 10...512 << 20, isBytes: true),
        Field(key: "arguments", path: \.arguments, range: 32...1_048_576),
        Field(key: "inline-bytes", path: \.inlineBytes, range: 4 << 10...1 << 20, isBytes: true),
        Field(key: "value-bytes", path: \.valueBytes, range: 1 << 10...512 << 20, isBytes: true),
        Field(key: "name-bytes", path: \.nameBytes, range: 16...LeaseName.maximumLength, isBytes: true),
        Field(key: "label-bytes", path: \.labelBytes, range: 16...Label.maximumLength, isBytes: true),
        Field(key: "store-bytes", path: \.storeBytes, range: 1 << 20...1 << 50, isBytes: true),
        Field(key: "list-elements", path: \.listElements, range: 1...10_000_000),
        Field(key: "list-bytes", path: \.listBytes, range: 4 << 10...1 << 30, isBytes: true),
        Field(key: "removed-children", path: \.removedChildren, range: 1...10_000_000),
    ]
}
