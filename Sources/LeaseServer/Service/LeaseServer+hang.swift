#if DEBUG
    import Glibc

    extension LeaseServer {
        /// Stops the event loop forever, while all other threads run on.
        ///
        /// For a test of the watchdog, only in debug builds.
        package func hang() {
            engine.onLoop { _ in
                while true { pause() }
            }
        }
    }
#endif
