package import LeaseCore
package import NIOCore

/// A parsed command: its values are within their limits.
///
/// The engine decides whether it is allowed, and what it does.
package enum Command: Hashable, Sendable {
    case acquire(AcquireCommand)
    case renew(RenewCommand)
    case release(name: LeaseName, token: Token)
    case tie(name: LeaseName, token: Token)
    case check(name: LeaseName, token: Token)
    case holder(name: LeaseName)
    case leases(LeasesCommand)
    case revoke(RevokeCommand)
    case token

    case watching(WatchingCommand)
    case store(StoreCommand)
    case connection(ConnectionCommand)

    case info(section: String?)
    case command(CommandQuery)
}

/// A command about subscriptions.
package enum WatchingCommand: Hashable, Sendable {
    /// At least one name.
    case subscribe(names: [LeaseName])
    /// At least one pattern.
    case psubscribe(globs: [Glob])
    /// All, if none is named.
    case unsubscribe(names: [LeaseName])
    /// All, if none is named.
    case punsubscribe(globs: [Glob])
}

/// A command about values, children and keys.
package enum StoreCommand: Hashable, Sendable {
    case put(key: Key, value: ByteBuffer, if: LeaseGuard?)
    case get(key: Key)
    case delete(key: Key, if: LeaseGuard?)
    case prefixAppend(key: Key, child: Key, if: LeaseGuard?)
    case prefixList(PrefixListCommand)
    case prefixContains(key: Key, child: Key)
    case prefixRemove(key: Key, child: Key, if: LeaseGuard?)
    case keysList(KeysListCommand)
    case keysRange(KeysRangeCommand)
    case keysTracker(key: Key)
    /// At least one key.
    case keysRemove(keys: [Key])
    /// At least one key.
    case export(keys: [Key])
    /// At least one entry.
    case importEntries([StoreEntry])
}

/// A command about the connection that it comes on.
package enum ConnectionCommand: Hashable, Sendable {
    case ping(message: ByteBuffer?)
    case echo(message: ByteBuffer)
    case hello(HelloCommand)
    case client(ClientCommand)
    case select
    case reset
    case quit
}

/// `ACQUIRE name ttl [WAIT duration|FOREVER] [OWNER label] [REQUEST id] [BIND]`.
package struct AcquireCommand: Hashable, Sendable {
    package let name: LeaseName
    package let ttl: TTL
    /// How long to wait for the lease, or `nil` not to wait.
    package let wait: WaitLimit?
    /// The holder's label; by default its peer's command name.
    package let owner: Label?
    package let request: RequestID?
    /// Whether the tenure ends with the connection.
    package let binds: Bool
}

/// How long a command waits at most.
package enum WaitLimit: Hashable, Sendable {
    case upTo(Duration)
    case forever
}

/// `RENEW name token ttl [REQUEST id] [BIND|UNBIND]`.
package struct RenewCommand: Hashable, Sendable {
    package let name: LeaseName
    package let token: Token
    package let ttl: TTL
    package let request: RequestID?
    package let binding: Binding
}

/// `LEASES [PREFIX bytes] [AFTER name] [COUNT n]`.
package struct LeasesCommand: Hashable, Sendable {
    /// What the names begin with; empty for all.
    package let prefix: [UInt8]
    /// Only names after this one.
    package let after: LeaseName?
    /// At most this many; without it, a list over the server's limit is refused.
    package let count: Int?
}

/// `REVOKE name [AFTER duration] [REASON text]`.
package struct RevokeCommand: Hashable, Sendable {
    package let name: LeaseName
    /// When the tenure ends; the default depends on the tenure.
    package let after: Duration?
    package let reason: Label
}

/// `PREFIX LIST key [AFTER child] [COUNT n]`.
package struct PrefixListCommand: Hashable, Sendable {
    package let key: Key
    /// Only children after this one.
    package let after: Key?
    /// At most this many; without it, a list over the server's limit is refused.
    package let count: Int?
}

/// `KEYS LIST [PREFIX bytes] [AFTER key] [COUNT n]`.
package struct KeysListCommand: Hashable, Sendable {
    /// What the keys begin with; empty for all.
    package let prefix: [UInt8]
    /// Only keys after this one.
    package let after: Key?
    /// At most this many; without it, a list over the server's limit is refused.
    package let count: Int?
}

/// `KEYS RANGE low high [AFTER key] [COUNT n]`: the keys whose hash lies in the ring interval (low, high].
package struct KeysRangeCommand: Hashable, Sendable {
    /// The hash before the interval.
    ///
    /// If it is not below ``high``, the interval wraps; equal bounds are the whole ring.
    package let low: UInt64
    /// The last hash of the interval.
    package let high: UInt64
    /// Only keys after this one, in the order of hash and key.
    package let after: Key?
    /// At most this many; without it, a list over the server's limit is refused.
    package let count: Int?
}

/// `HELLO [2|3] [SETNAME name]`.
package struct HelloCommand: Hashable, Sendable {
    /// The version to switch to, or `nil` to keep it.
    package let version: RESPVersion?
    package let name: Label?
}

/// `CLIENT SETNAME|GETNAME|ID|SETINFO|LIST`.
package enum ClientCommand: Hashable, Sendable {
    /// An empty name removes the name.
    case setName(Label)
    case getName
    case id
    case setInfo(ClientAttribute, Label)
    case list
}

/// What a client library says about itself.
package enum ClientAttribute: String, Hashable, Sendable {
    case libraryName = "lib-name"
    case libraryVersion = "lib-ver"
}

/// `COMMAND [COUNT|DOCS|INFO]`.
package enum CommandQuery: Hashable, Sendable {
    /// The most commands that may be named.
    package static let mostNames = 128

    case count
    /// The grammar and summary of the named commands, or of all.
    case docs(names: [String])
    /// Arity, flags and keys of the named commands, or of all.
    case info(names: [String])
}
