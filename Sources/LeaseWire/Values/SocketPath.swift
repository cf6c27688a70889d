#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Where the daemon's socket is: one rule for server and client, so that a cron job and a login session never talk to
/// different daemons by accident.
///
/// The first of these that is given: a path, the wish for the user's own daemon, `$LEASED_SOCKET`, the machine's
/// daemon. Flags come before the environment, since they are closer to the person who typed them.
package enum SocketPath {
    /// The socket of the machine's daemon.
    package static let system = "/run/leased/leased.sock"

    /// The path to listen on or to connect to.
    ///
    /// - Parameters:
    ///   - socket: what `--socket` said, if it was given.
    ///   - user: whether `--user` was given: `$XDG_RUNTIME_DIR/leased/leased.sock`. If that variable is missing, as
    ///     under cron, its value under systemd is used, `/run/user/UID` (pam_systemd(8)), so that the path is the same.
    ///   - environment: the process's environment. An empty variable counts as missing.
    package static func resolve(socket: String?, user: Bool, environment: [String: String]) -> String {
        if let socket { return socket }
        if user {
            return "\(value(of: "XDG_RUNTIME_DIR", in: environment) ?? "/run/user/\(getuid())")/leased/leased.sock"
        }
        return value(of: "LEASED_SOCKET", in: environment) ?? system
    }

    private static func value(of name: String, in environment: [String: String]) -> String? {
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }
}
