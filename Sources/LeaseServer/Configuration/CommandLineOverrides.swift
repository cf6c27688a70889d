/// What the command line says about the configuration.
///
/// It takes precedence over the environment and the file.
package struct CommandLineOverrides: Hashable, Sendable {
    /// `--config FILE`: the file to read; it must be there.
    package var config: String?
    /// `--user`: the paths of a user's own daemon.
    package var user: Bool
    /// `--socket PATH`.
    package var socket: String?
    /// `--store PATH`.
    package var store: String?
    /// `--log-level LEVEL`, as it was written.
    package var logLevel: String?

    /// Creates overrides; `nil` means that nothing was said.
    package init(
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
