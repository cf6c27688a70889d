#if DEBUG
    import Glibc
    import LeaseServer
    import Logging
    import ServiceLifecycle
    import UnixSignals

    /// Makes the engine hang at a USR1, so that a test sees how the service manager reacts.
    ///
    /// Only in debug builds, and only if the variable `LEASED_TEST_HANG` is set.
    struct HangHook: Service {
        let server: LeaseServer
        let logger: Logger

        func run() async throws {
            guard getenv("LEASED_TEST_HANG") != nil else {
                try? await gracefulShutdown()
                return
            }
            await cancelWhenGracefulShutdown {
                for await _ in await UnixSignalsSequence(trapping: .sigusr1) {
                    logger.warning("the engine hangs, as the test wants it")
                    server.hang()
                }
            }
        }
    }
#endif
