/// Where files are by default: file-hierarchy(7) for the machine's daemon, the XDG base directories for a user's own.
struct DefaultPaths {
    /// The configuration's file; it need not exist.
    let configuration: String
    /// The store's file.
    let store: String

    /// The machine's daemon.
    static let system = DefaultPaths(
        configuration: "/etc/leased/leased.yaml",
        store: "/var/lib/leased/leased.db"
    )

    /// A user's own daemon.
    ///
    /// A folder that is not absolute is ignored, as the XDG specification says.
    ///
    /// - Throws: ``ConfigurationError/Code/badValue`` if the user's home cannot be found.
    static func user(environment: [String: String]) throws(ConfigurationError) -> DefaultPaths {
        func folder(_ variable: String, _ fallback: String) throws(ConfigurationError) -> String {
            if let value = environment[variable], value.hasPrefix("/") { return value }
            if let home = environment["HOME"], home.hasPrefix("/") { return "\(home)/\(fallback)" }
            if let home = Account.ownHome() { return "\(home)/\(fallback)" }
            throw ConfigurationError(
                .badValue,
                "--user needs $HOME or $\(variable) to be an absolute path",
                exit: .usage
            )
        }
        return DefaultPaths(
            configuration: try folder("XDG_CONFIG_HOME", ".config") + "/leased/leased.yaml",
            store: try folder("XDG_STATE_HOME", ".local/state") + "/leased/leased.db"
        )
    }

    private init(configuration: String, store: String) {
        self.configuration = configuration
        self.store = store
    }
}
