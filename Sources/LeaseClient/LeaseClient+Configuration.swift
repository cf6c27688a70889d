internal import LeaseWire

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LeaseClient {
    /// How a client connects, and how long it tries.
    public struct Configuration: Hashable, Sendable {
        /// The daemon's socket.
        public var socketPath: String

        /// How long connecting may take, and then the daemon's greeting: 5 s by default.
        ///
        /// This is also how long a command whose answer was lost is retried before the call fails, and how long a
        /// cancelled ``LeaseClient/acquire(_:ttl:wait:owner:request:)`` waits for the answer that tells whether there
        /// is something to release.
        public var connectTimeout: Duration = .seconds(5)

        /// How long a call may take in all.
        ///
        /// The default is `nil`, no limit: a daemon answers at once, or its connection ends.
        public var requestTimeout: Duration?

        /// The first pause before reconnecting; each further pause is twice as long.
        ///
        /// Each is shortened by up to half at random, so that not all clients return to a restarted daemon at once.
        public var initialBackoff: Duration = .milliseconds(50)

        /// The longest pause before reconnecting.
        public var maximumBackoff: Duration = .seconds(1)

        /// How many commands may be pending at once; a call above that fails with ``LeaseClientError/Code/busy``.
        public var commandLimit = 10_000

        /// Creates a configuration with the defaults, for the daemon named by this process's environment, or else the
        /// machine's.
        public init() {
            self.init(socket: nil, user: false)
        }

        /// Creates a configuration with the defaults, for the daemon that the rule of ``SocketPath`` selects by this
        /// process's environment.
        ///
        /// - Parameters:
        ///   - socket: an explicit path, as from `--socket`; it takes precedence.
        ///   - user: whether the user's own daemon is wanted, as with `--user`.
        public init(socket: String?, user: Bool) {
            var environment: [String: String] = [:]
            for name in ["LEASED_SOCKET", "XDG_RUNTIME_DIR"] {
                environment[name] = getenv(name).map { String(cString: $0) }
            }
            self.init(socket: socket, user: user, environment: environment)
        }

        /// Creates a configuration with the defaults.
        public init(socketPath: String) {
            self.socketPath = socketPath
        }

        /// Creates a configuration with the defaults, for the daemon that the rule of ``SocketPath`` selects.
        ///
        /// - Parameters:
        ///   - socket: an explicit path, as from `--socket`; it takes precedence.
        ///   - user: whether the user's own daemon is wanted, as with `--user`.
        ///   - environment: the process's environment, of which `LEASED_SOCKET` and `XDG_RUNTIME_DIR` count.
        public init(socket: String?, user: Bool, environment: [String: String]) {
            self.init(socketPath: SocketPath.resolve(socket: socket, user: user, environment: environment))
        }

        /// The pause before attempt `attempt`, counted from 1.
        func backoff(attempt: Int) -> Duration {
            let doubled = initialBackoff * (1 << min(attempt - 1, 20))
            return min(doubled, maximumBackoff) * Double.random(in: 0.5...1)
        }
    }
}
