/// What the command line says about the configuration.
///
/// It wins over the environment and the file.
public struct CommandLineOverrides: Hashable, Sendable {
    /// `--config FILE`: the file to read; it must be there.
    public var config: String?
    /// `--user`: the paths of a user's own daemon.
    public var user: Bool
    /// `--socket PATH`.
    public var socket: String?
    /// `--store PATH`.
    public var store: String?
    /// `--log-level LEVEL`, as it was written.
    public var logLevel: String?

    /// Creates overrides; what is `nil` was not said.
    public init(
        config: String? = nil,
        user: Bool = false,
        socket: String? = nil,
        store: String? = nil,
        logLevel: String? = nil
    ) {
        self.config = config
        self.user = user
        self.socket = socket
        self.store = store
        self.logLevel = logLevel
    }
}
