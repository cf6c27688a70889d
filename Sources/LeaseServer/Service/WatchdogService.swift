package import Logging
import ServiceLifecycle
import SystemdNotify

/// Feeds the service manager's watchdog, if it has set one, with pings through engine and store.
package struct WatchdogService: Service {
    private let server: LeaseServer
    private let commitTimeout: Duration
    private let logger: Logger

    /// Creates the service.
    ///
    /// - Parameter commitTimeout: how long a commit may be under way and still count as alive.
    package init(server: LeaseServer, commitTimeout: Duration, logger: Logger) {
        self.server = server
        self.commitTimeout = commitTimeout
        self.logger = logger
    }

    /// Feeds until a graceful shutdown; without a watchdog it only waits.
    ///
    /// - Throws: ``SystemdNotify/SystemdError`` if the manager's variables are invalid.
    package func run() async throws {
        guard let interval = try Watchdog.interval() else {
            try? await gracefulShutdown()
            return
        }
        let logger = logger
        let feeder = WatchdogFeeder(
            interval: interval,
            commitLimit: commitTimeout,
            ping: server.ping,
            commitAge: server.commitAge,
            report: { logger.warning("\($0)") }
        )
        await cancelWhenGracefulShutdown { await feeder.run() }
    }
}
