package import LeaseCore
package import Logging

/// Everything that can be configured, checked.
///
/// ``load(overrides:environment:)`` makes one from flags, `LEASED_*` variables and a YAML file, in this order of
/// precedence; `systemd/leased.yaml` shows every setting with its default. The socket, the store and the time limits of
/// stop and commit are fixed at start. A running daemon can take over the log level, the administrators, the access
/// rules, the limits and the history's retention.
package struct ServerConfiguration: Hashable, Sendable {
    /// Where the socket is: `docs/PROTOCOL.md`, section 1.
    ///
    /// Fixed at start.
    package var socketPath: String
    /// The socket's permissions; a user that may write may connect.
    ///
    /// Fixed at start.
    package var socketMode: UInt32 = 0o660
    /// The socket's group by number, or `nil` for the daemon's own.
    ///
    /// Fixed at start.
    package var socketGroup: UInt32?
    /// Where the store's file is.
    ///
    /// Fixed at start.
    package var storePath: String
    /// Whether this is a user's own daemon (`--user`): the folders that it makes are for that user only.
    package var isUserDaemon: Bool
    /// The least severe level that is logged.
    package var logLevel = Logger.Level.info
    /// Who else is an administrator.
    package var administrators = Administrators()
    /// What users who are not administrators may and may not do; the first rule that applies decides.
    package var accessRules: [AccessRule] = []
    /// The limits on what clients may cost.
    package var limits = Limits()
    /// How long the history of ended tenures is kept.
    package var historyKeepFor = Duration.seconds(30 * 86_400)
    /// How many rows of history are kept; the older ones go first.
    package var historyKeepRows = 100_000
    /// How long a stop may take before the rest is dropped.
    ///
    /// Fixed at start.
    package var stopTimeout = Duration.seconds(20)
    /// How long a commit may be under way before the watchdog takes it for a hang.
    ///
    /// Fixed at start.
    package var commitTimeout = Duration.seconds(60)

    /// Creates the default configuration.
    ///
    /// - Parameters:
    ///   - socketPath: where the socket is.
    ///   - storePath: where the store's file is.
    ///   - isUserDaemon: whether it is a user's own.
    package init(socketPath: String, storePath: String, isUserDaemon: Bool = false) {
        self.socketPath = socketPath
        self.storePath = storePath
        self.isUserDaemon = isUserDaemon
    }
}
