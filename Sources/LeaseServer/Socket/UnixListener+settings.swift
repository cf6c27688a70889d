internal import Glibc
internal import LeaseWire

/// The socket's settings, compared with a socket that the service manager made.
extension UnixListener {
    /// Whether the service manager made the socket, whatever the configuration says about it.
    package var isPassed: Bool { path == nil }

    /// The settings that ask for a socket other than the one that the service manager made, by their names in the file.
    ///
    /// A setting with its default value does not count. Empty if the daemon made the socket itself.
    package func settingsWithoutEffect(in configuration: ServerConfiguration) -> [String] {
        guard isPassed, let boundPath else { return [] }
        let usualPath = SocketPath.resolve(socket: nil, user: configuration.isUserDaemon, environment: [:])
        let usual = ServerConfiguration(socketPath: usualPath, storePath: "")
        var status = stat()
        let isKnown = lstat(boundPath, &status) == 0
        let asked: [(key: String, isVain: Bool)] = [
            (
                SettingKey.socket,
                !configuration.isUserDaemon && configuration.socketPath != usual.socketPath
                    && configuration.socketPath != boundPath
            ),
            (
                SettingKey.socketMode,
                isKnown && configuration.socketMode != usual.socketMode
                    && configuration.socketMode != status.st_mode & 0o7777
            ),
            (SettingKey.socketGroup, isKnown && configuration.socketGroup.map { $0 != status.st_gid } ?? false),
        ]
        return asked.filter(\.isVain).map(\.key)
    }
}
