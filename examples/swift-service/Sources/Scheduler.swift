import LeaseClient
import LeaseCore
import Logging
import ServiceLifecycle

/// Works while it leads: while it holds a lease that the others wait for.
struct Scheduler: Service {
    let client: LeaseClient
    let lease: LeaseName
    let logger: Logger

    /// Campaigns until the service stops.
    ///
    /// It fails if the daemon cannot be reached at first; then the service manager starts it again. Later it waits for
    /// a daemon that is away.
    func run() async throws {
        logger.info("waiting to lead")
        do {
            try await cancelWhenGracefulShutdown {
                try await client.campaign(lease, ttl: TTL(.seconds(15))) { term in
                    try await lead(term)
                }
            }
        } catch _ where Task.isShuttingDownGracefully {
            // A cancelled campaign ends here: the lease has been released.
            logger.info("stopped")
        }
        await client.close()
    }

    /// The leader's work, round by round, until it is cancelled: the leadership is lost, or the service must stop.
    private func lead(_ term: HeldLease) async throws {
        logger.info("leading", metadata: ["fence": "\(term.fence)"])
        defer { logger.info("leading no more", metadata: ["fence": "\(term.fence)"]) }
        var round = 0
        while true {
            round += 1
            await work(round, fence: term.fence)
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// One round of the work: here it records its progress.
    ///
    /// A round that began in time may end too late, for example if the process was stopped. So the store that it writes
    /// to compares the fence, as the daemon's store does.
    private func work(_ round: Int, fence: Token) async {
        do {
            let holding = LeaseGuard(lease: lease, token: fence)
            try await client.put(Key("scheduler/round"), Array("\(round)".utf8), if: holding)
        } catch {
            // Either the daemon is away, and the next round may succeed; or the lease is lost, and this task is
            // cancelled as soon as the client knows.
            logger.warning("not written", metadata: ["round": "\(round)", "error": "\(error)"])
        }
    }
}
