internal import LeaseWire

/// Where the daemon's socket is.
///
/// Server and client share this one rule, so that a cron job and a login session never talk to different daemons by
/// accident.
public enum SocketPath {
    /// The socket of the machine's daemon: `/run/leased/leased.sock`.
    public static let system = LeaseWire.SocketPath.system

    /// The path to connect to: the first one given of `socket`, `user`, `$LEASED_SOCKET`, ``system``.
    ///
    /// - Parameters:
    ///   - socket: the value of `--socket`, if it was given.
    ///   - user: whether `--user` was given: `$XDG_RUNTIME_DIR/leased/leased.sock`, or under `/run/user/UID` if that
    ///     variable is missing, as under cron.
    ///   - environment: the process's environment. An empty variable counts as unset.
    public static func resolve(socket: String?, user: Bool, environment: [String: String]) -> String {
        LeaseWire.SocketPath.resolve(socket: socket, user: user, environment: environment)
    }
}
