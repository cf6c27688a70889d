import LeaseServer
import LeaseStore
import Logging
import ServiceLifecycle
import SystemdNotify
import UnixSignals

/// Reloads the configuration at a HUP.
///
/// Settings that may change while the daemon runs are applied: the log level, the administrators, the access rules, the
/// limits, the retention. A wrong configuration is logged, and the old one stays in force. Files and the service
/// manager are waited for on a separate thread.
actor ReloadService: Service {
    private let executor = SerialQueueExecutor(label: "leased.reload")
    private let server: LeaseServer
    /// The configuration that the daemon was started with.
    private let started: ServerConfiguration
    private let surroundings: Surroundings
    private let hangUps: UnixSignalsSequence
    private let level: LogLevel
    private let logger: Logger
    private let load: @Sendable () throws(ConfigurationError) -> ServerConfiguration
    private let notifier = ServiceNotifier()

    init(
        server: LeaseServer,
        started: ServerConfiguration,
        surroundings: Surroundings,
        hangUps: UnixSignalsSequence,
        level: LogLevel,
        logger: Logger,
        load: @escaping @Sendable () throws(ConfigurationError) -> ServerConfiguration
    ) {
        self.server = server
        self.started = started
        self.surroundings = surroundings
        self.hangUps = hangUps
        self.level = level
        self.logger = logger
        self.load = load
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.hangUps {
                // A stop came first: it is the only thing that the manager should hear of.
                guard !Task.isCancelled else { break }
                await self.reload()
            }
        }
    }

    private func reload() async {
        tell { _ = try notifier.reloading() }
        do throws(ConfigurationError) {
            let configuration = try load()
            await server.apply(configuration)
            level.current = configuration.logLevel
            logger.notice("configuration reloaded")
            surroundings.check(configuration)
            let waiting = started.settingsFixedAtStart(
                differingIn: configuration,
                isSocketPassed: surroundings.listener.isPassed
            )
            if !waiting.isEmpty {
                logger.notice(
                    "settings changed that take effect at the next start",
                    metadata: ["settings": "\(waiting.joined(separator: ", "))"]
                )
            }
        } catch {
            logger.error(
                "configuration not reloaded; the old one stays in force",
                metadata: ["error": "\(error.message)"]
            )
        }
        tell { _ = try notifier.ready() }
    }

    private func tell(_ message: () throws -> Void) {
        do {
            try message()
        } catch {
            logger.warning("the service manager was not told", metadata: ["error": "\(error)"])
        }
    }
}
