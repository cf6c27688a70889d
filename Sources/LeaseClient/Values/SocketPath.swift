internal import LeaseWire

/// Where the daemon's socket is: the one rule of server and client, so that a cron job and a login session never talk to
/// different daemons by accident.
public enum SocketPath {
    /// The socket of the machine's daemon: `/run/leased/leased.sock`.
    public static let system = LeaseWire.SocketPath.system

    /// The path to connect to: the first that is given of `socket`, `user`, `$LEASED_SOCKET`, ``system``.
    ///
    /// - Parameters:
    ///   - socket: what `--socket` said, if it was given.
    ///   - user: whether `--user` was given: `$XDG_RUNTIME_DIR/leased/leased.sock`, or under `/run/user/UID` where that
    ///     variable is missing, as under cron.
    ///   - environment: the process's environment. An empty variable counts as none.
    public static func resolve(socket: String?, user: Bool, environment: [String: String]) -> String {
        LeaseWire.SocketPath.resolve(socket: socket, user: user, environment: environment)
    }
}
