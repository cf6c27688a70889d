internal import Glibc
internal import LeaseCore
internal import LeaseWire

extension ServerConfiguration {
    /// The configuration from flags over `LEASED_*` variables over the file over the defaults, all of it checked.
    ///
    /// The file is what `--config` names, otherwise `/etc/leased/leased.yaml`, with `--user`
    /// `$XDG_CONFIG_HOME/leased/leased.yaml`; one that was not named may be missing. Blocks while it reads the file and
    /// looks up users.
    ///
    /// - Parameters:
    ///   - overrides: what the command line says.
    ///   - environment: the process's environment.
    /// - Throws: ``ConfigurationError``, which names the setting, where it came from, its value and what is expected.
    package static func load(
        overrides: CommandLineOverrides,
        environment: [String: String]
    ) throws(ConfigurationError) -> ServerConfiguration {
        let paths = overrides.user ? try DefaultPaths.user(environment: environment) : .system
        return try load(overrides: overrides, environment: environment, paths: paths)
    }

    static func load(
        overrides: CommandLineOverrides,
        environment: [String: String],
        paths: DefaultPaths
    ) throws(ConfigurationError) -> ServerConfiguration {
        let filePath = overrides.config ?? paths.configuration
        let isThere = overrides.config != nil || access(filePath, F_OK) == 0 || errno != ENOENT
        let snapshot = isThere ? try ConfigurationFile(path: filePath).snapshot : nil
        let flags = [
            SettingKey.socket: overrides.socket,
            SettingKey.store: overrides.store,
            SettingKey.logLevel: overrides.logLevel,
        ]
        let reader = SettingsReader(
            flags: flags.compactMapValues { $0 },
            environment: environment,
            file: snapshot.map { (filePath, $0) }
        )
        var configuration = ServerConfiguration(
            socketPath: try socketPath(overrides, environment, reader),
            storePath: try reader.path(SettingKey.store) ?? paths.store,
            isUserDaemon: overrides.user
        )
        try configuration.take(reader)
        return configuration
    }

    /// The rule that clients follow, too, except that the file takes precedence over the machine's default.
    private static func socketPath(
        _ overrides: CommandLineOverrides,
        _ environment: [String: String],
        _ reader: SettingsReader
    ) throws(ConfigurationError) -> String {
        let setting = try reader.text(SettingKey.socket)
        let isUsers = overrides.user && overrides.socket == nil
        let path =
            isUsers
            ? SocketPath.resolve(socket: nil, user: true, environment: environment)
            : setting?.value ?? SocketPath.resolve(socket: nil, user: false, environment: environment)
        let longest = UnixAddress.longestPath
        guard !path.isEmpty, path.utf8.count <= longest, !path.utf8.contains(0) else {
            let origin: Setting.Origin =
                isUsers ? .variable("XDG_RUNTIME_DIR") : setting?.origin ?? .flag("--user")
            throw Setting(key: SettingKey.socket, origin: origin, value: path).error("a path of 1 to \(longest) bytes")
        }
        return path
    }

    private mutating func take(_ reader: SettingsReader) throws(ConfigurationError) {
        socketMode = try reader.permissions(SettingKey.socketMode) ?? socketMode
        socketGroup = try reader.group(SettingKey.socketGroup)
        logLevel = try reader.logLevel(SettingKey.logLevel) ?? logLevel
        for user in try reader.list(SettingKey.administratorUsers) ?? [] {
            administrators.users.insert(try user.account(Account.userID, "a user's name or number"))
        }
        for group in try reader.list(SettingKey.administratorGroups) ?? [] {
            administrators.groups.insert(try group.account(Account.groupID, "a group's name or number"))
        }
        accessRules = try reader.accessRules(SettingKey.access)
        let long = Duration.seconds(100 * 366 * 86_400)
        historyKeepFor = try reader.duration(SettingKey.historyKeepFor, in: .zero...long) ?? historyKeepFor
        historyKeepRows = try reader.integer(SettingKey.historyKeepRows, in: 0...1_000_000_000) ?? historyKeepRows
        let wait = Duration.seconds(1)...Duration.seconds(3600)
        stopTimeout = try reader.duration(SettingKey.stopTimeout, in: wait) ?? stopTimeout
        commitTimeout = try reader.duration(SettingKey.commitTimeout, in: wait) ?? commitTimeout
        try limits.take(reader)
    }
}

extension Limits {
    fileprivate mutating func take(_ reader: SettingsReader) throws(ConfigurationError) {
        for field in Self.fields {
            let key = SettingKey.limit(field.key)
            let value = try reader.integer(key, in: field.range, isBytes: field.isBytes)
            self[keyPath: field.path] = value ?? self[keyPath: field.path]
        }
        let range = TTL.min.duration...TTL.max.duration
        if let longest = try reader.duration(SettingKey.longestTTL, in: range), let ttl = try? TTL(longest) {
            longestTTL = ttl
        }
    }
}
