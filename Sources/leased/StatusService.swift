import LeaseServer
import LeaseStore
import Logging
import ServiceLifecycle
import SystemdNotify

/// Reports the daemon's state to the service manager: READY=1, a STATUS line with live figures, STOPPING=1.
///
/// The engine provides the figures when they have changed, at most once a second. They are sent on a separate thread: a
/// send may wait for a manager that does not read, and must hold up neither the engine nor another service.
actor StatusService: Service {
    private let executor = SerialQueueExecutor(label: "leased.status")
    private let server: LeaseServer
    private let logger: Logger
    private let notifier = ServiceNotifier()

    init(server: LeaseServer, logger: Logger) {
        self.server = server
        self.logger = logger
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// The socket answers: the service is ready.
    func socketAnswers() {
        tell { try notifier.ready() }
    }

    func run() async throws {
        guard notifier.isEnabled else {
            try? await gracefulShutdown()
            return
        }
        await cancelWhenGracefulShutdown {
            for await status in await self.server.statusChanges() {
                guard !Task.isCancelled else { break }
                await self.tell(status)
            }
        }
        tell { try notifier.stopping() }
    }

    private func tell(_ status: ServerStatus) {
        tell { try notifier.status(status.description) }
    }

    private func tell(_ message: () throws -> Bool) {
        do {
            _ = try message()
        } catch {
            logger.warning("the service manager was not told", metadata: ["error": "\(error)"])
        }
    }
}
