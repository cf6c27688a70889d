import LeaseCore
package import LeaseStore
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The engine with its event loop and its store: the service that all others depend on.
///
/// ``start(configuration:clock:logger:keptTies:tieStore:)`` opens the store, so that a failure shows before anything is
/// announced; ``run()`` serves until it is asked to stop, and closes the store. It stops last.
package struct LeaseServer: Service {
    let engine: Engine
    let group: MultiThreadedEventLoopGroup
    private let commitClock: CommitClock
    private let clock: any LeaseClock
    private let failures: AsyncStream<StoreError>
    private let logger: Logger

    /// Opens the store and starts the engine; nobody is served before a ``SocketService`` runs.
    ///
    /// - Parameters:
    ///   - keptTies: The ties that outlived the last daemon.
    ///   - tieStore: Where ties are kept for the next one, if anywhere.
    /// - Throws: ``LeaseStore/StoreError`` if the store cannot be opened; its file is unchanged.
    package static func start(
        configuration: ServerConfiguration,
        clock: any LeaseClock,
        logger: Logger,
        keptTies: KeptTies = .none,
        tieStore: TieStore? = nil
    ) async throws -> LeaseServer {
        let ledger = try Ledger(
            path: configuration.storePath,
            configuration: configuration.ledger,
            clock: clock,
            keptTies: keptTies.fences
        )
        let commitClock = ledger.commitBegan
        let figures = ledger.figures
        if figures.tokenLead > .zero {
            logger.warning(
                "the last token is ahead of the wall clock",
                metadata: [
                    "last_token": "\(figures.lastToken.map { "\($0)" } ?? "")",
                    "lead_ms": "\(figures.tokenLead.wholeMilliseconds)",
                ]
            )
        }
        if ledger.isNew {
            logger.notice("a new store was made", metadata: ["path": "\(figures.path)"])
        }
        logger.info("store opened", metadata: ["path": "\(figures.path)", "leases": "\(figures.leases)"])
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let (failures, failed) = AsyncStream.makeStream(of: StoreError.self)
        let engine = try await Engine.start(
            on: group.next(),
            backend: ledger,
            clock: clock,
            configuration: configuration,
            logger: logger,
            tieStore: tieStore
        ) {
            failed.yield($0)
            failed.finish()
        }
        await adopt(keptTies, by: engine, on: group, logger: logger)
        return LeaseServer(
            engine: engine,
            group: group,
            commitClock: commitClock,
            clock: clock,
            failures: failures,
            logger: logger
        )
    }

    /// Turns the kept ties into connections.
    private static func adopt(
        _ kept: KeptTies,
        by engine: Engine,
        on group: MultiThreadedEventLoopGroup,
        logger: Logger
    ) async {
        // Once for all ties, since it goes through all leases.
        let tied = kept.ties.isEmpty ? [:] : await engine.tiedLeases()
        for tie in kept.ties {
            let name = tied[tie.name.fence]
            do {
                _ = try await ClientBootstrap(group: group)
                    .channelOption(.allowRemoteHalfClosure, value: true)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            guard let peer = PeerCredentials(of: tie.descriptor),
                                let session = engine.assumeIsolated({ $0.adopt(tie, of: name, channel, peer: peer) })
                            else { throw ChannelError.operationUnsupported }
                            try channel.pipeline.syncOperations.addHandler(
                                SessionHandler(engine: engine, session: session)
                            )
                        }
                    }
                    .withConnectedSocket(tie.descriptor)
                    .get()
            } catch {
                logger.info("a kept tie is over", metadata: ["tie": "\(tie.name.text)"])
                engine.onLoop { $0.discard(tie, of: name) }
            }
        }
        if !kept.ties.isEmpty {
            logger.info("ties kept over the restart", metadata: ["ties": "\(kept.ties.count)"])
        }
        for name in kept.superfluous {
            engine.onLoop { $0.tieStore?.remove(name) }
        }
    }

    /// Serves until a graceful shutdown, then closes the store.
    ///
    /// - Throws: ``LeaseStore/StoreError`` if a sync has failed: the process must end without another word to anybody.
    package func run() async throws {
        let failures = failures
        let failure = await cancelWhenGracefulShutdown {
            await failures.first { _ in true }
        }
        if let failure { throw failure }
        try await withTaskCancellationHandler {
            try await engine.drain()
        } onCancel: {
            // The time for a stop is up: clients that do not read their answers lose them.
            engine.onLoop { $0.dropConnections() }
        }
        try await engine.close()
        try await group.shutdownGracefully()
        logger.info("store closed")
    }

    /// Applies what a reload may change: limits, administrators, access rules, retention.
    package func apply(_ configuration: ServerConfiguration) async {
        await engine.apply(configuration)
    }

    /// The daemon's status, now and after each change, at most once a second; a slow reader sees only the newest.
    package func statusChanges() async -> AsyncStream<ServerStatus> {
        let (changes, changed) = AsyncStream.makeStream(of: ServerStatus.self, bufferingPolicy: .bufferingNewest(1))
        await engine.reportStatus { changed.yield($0) }
        return changes
    }

    /// Calls `done`, from the event loop, once a ping has gone through engine and store.
    ///
    /// May be called from any thread; does not wait.
    @Sendable package func ping(then done: @escaping @Sendable () -> Void) {
        engine.onLoop { $0.ping(then: done) }
    }

    /// How long the commit under way has lasted, or `nil` if there is none; may be called from any thread.
    @Sendable package func commitAge() -> Duration? {
        commitClock.began.map { $0.duration(to: clock.now().boot) }
    }
}
