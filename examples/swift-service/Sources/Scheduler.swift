import LeaseClient
import LeaseCore
import Logging
import ServiceLifecycle

/// Works while it leads: while it holds a lease that the others wait for.
struct Scheduler: Service {
    let client: LeaseClient
    let lease: LeaseName
    let logger: Logger

    /// Campaigns until the service is to stop.
    ///
    /// It fails if the daemon cannot be reached at first; then the service manager starts it again. Later it waits for a
    /// daemon that is away.
    func run() async throws {
        logger.info("waiting to lead")
        do {
            try await cancelWhenGracefulShutdown {
                try await client.campaign(lease, ttl: TTL(.seconds(15))) { term in
                    try await lead(term)
                }
            }
        } catch _ where Task.isShuttingDownGracefully {
            // The end of a campaign that was cancelled: the lease is given back.
            logger.info("stopped")
        }
        await client.close()
    }

    /// What the leader does, round by round, until it is cancelled: the leadership is lost, or the service is to stop.
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

    /// A round of the work: here it notes how far it has come.
    ///
    /// A round that began in time may end too late, if the process was stopped, say. So what is written to compares the
    /// fence, as the daemon's store does.
    private func work(_ round: Int, fence: Token) async {
        do {
            let holding = LeaseGuard(lease: lease, token: fence)
            try await client.put(Key("scheduler/round"), Array("\(round)".utf8), if: holding)
        } catch {
            // The daemon is away, and the next round may succeed; or the lease is lost, and then this task is cancelled as
            // soon as the client has heard of it.
            logger.warning("not written", metadata: ["round": "\(round)", "error": "\(error)"])
        }
    }
}
