import LeaseClient
import LeaseCore
import Logging
import ServiceLifecycle
import UnixSignals

/// A service that runs as several processes, of which one works.
@main
struct ExampleService {
    static func main() async throws {
        let logger = Logger(label: "scheduler")
        let scheduler = try Scheduler(client: LeaseClient(), lease: LeaseName("scheduler"), logger: logger)
        let group = ServiceGroup(
            services: [scheduler],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        try await group.run()
    }
}
