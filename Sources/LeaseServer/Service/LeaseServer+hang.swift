#if DEBUG
    import Glibc

    extension LeaseServer {
        /// Stops the event loop for good, while every other thread runs on.
        ///
        /// For a test of the watchdog, in debug builds alone.
        package func hang() {
            engine.onLoop { _ in
                while true { pause() }
            }
        }
    }
#endif
