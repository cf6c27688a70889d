package import LeaseCore

/// Every limit of the daemon, so that no client, however slow or hostile, costs more than is written here.
///
/// A request over a limit is refused with a named error and changes nothing (`docs/PROTOCOL.md`, section 6). Limits
/// "per user" apply to each uid separately. The last `reservedForAdministrators` places of the total limits on
/// connections, leases, waiters, ties, subscriptions and patterns are for administrators, so that they can always look
/// and revoke. A reload of the configuration changes all limits for what comes afterwards. What exists already stays,
/// and open connections keep the limits of their frames.
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
    /// Distinct patterns that are subscribed to, in all.
    ///
    /// Each is compared with the name of every lease that something happens to.
    package var patterns = 2000
    /// Distinct patterns of one user.
    ///
    /// Together they have at most 64 bytes for each of these, or 4096 if that is more.
    package var patternsPerUser = 200
    /// Bytes of messages that a subscriber may leave unread, in addition to what its socket holds; past it the
    /// connection is closed.
    package var subscriberOutputBytes = 8 << 20
    /// Bytes of messages that all subscribers together may leave unread; past it, those with more than their share are
    /// disconnected.
    package var subscriberOutputBytesInAll = 256 << 20
    /// Places of the total limits on connections, leases, waiters, ties, subscriptions and patterns that only
    /// administrators get; all but one place of a limit that is no larger.
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

    /// Bytes of the store's file that are in use; past it values, children and imports are refused.
    ///
    /// Leases still work, and so do commands that remove something.
    package var storeBytes = 16 << 30

    /// Elements of one list reply without `COUNT`; past it the caller is told to page.
    package var listElements = 100_000
    /// Bytes of one list reply without `COUNT`; past it the caller is told to page.
    package var listBytes = 8 << 20

    /// Children that the keys of one `KEYS REMOVE` have together; past it the caller is told to name fewer keys, or to
    /// remove children first.
    ///
    /// Removing a million takes a third of a second, in which nobody else is served.
    package var removedChildren = 250_000

    /// Creates the default limits.
    package init() {}
}

extension Limits {
    /// The bytes of one user's distinct patterns together: their cost grows with these.
    var patternBytesPerUser: Int { max(64 * patternsPerUser, 4096) }

    /// The name of a numeric limit in the configuration, and its range.
    struct Field: Sendable {
        let key: String
        let path: any WritableKeyPath<Limits, Int> & Sendable
        let range: ClosedRange<Int>
        /// Whether `KiB` and the like may follow the number.
        var isBytes = false
    }

    /// The numeric limits, under `limits` in the configuration.
    ///
    /// The upper bounds keep a slip of the pen from doing harm; the lower ones are what the protocol needs to work at
    /// all.
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
