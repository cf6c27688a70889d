import LeaseServer
import Logging
import ServiceLifecycle
import SystemdNotify

/// Tells the service manager how the daemon is: READY=1, a STATUS line with live figures, STOPPING=1.
///
/// The figures come from the engine when they have changed, at most one a second, and are sent from here: telling may
/// wait for a manager that does not read, and the engine must not.
struct StatusService: Service {
    private let server: LeaseServer
    private let logger: Logger
    private let notifier = ServiceNotifier()

    init(server: LeaseServer, logger: Logger) {
        self.server = server
        self.logger = logger
    }

    /// The socket answers: the service is ready.
    func socketAnswers() async {
        tell { try notifier.ready() }
    }

    func run() async throws {
        guard notifier.isEnabled else {
            try? await gracefulShutdown()
            return
        }
        let changes = await server.statusChanges()
        for await status in changes.cancelOnGracefulShutdown() {
            tell { try notifier.status(status.description) }
        }
        tell { try notifier.stopping() }
    }

    private func tell(_ message: () throws -> Bool) {
        do {
            _ = try message()
        } catch {
            logger.warning("the service manager was not told", metadata: ["error": "\(error)"])
        }
    }
}
