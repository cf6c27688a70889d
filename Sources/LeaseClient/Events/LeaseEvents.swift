/// The events of leases, beginning with the present holders.
///
///     for try await update in client.events(matching: ["backup/*"]) {
///         switch update {
///         case .state(let leases): board.show(leases)
///         case .event(let event): board.change(event)
///         case .interrupted: board.markStale()
///         }
///     }
///
/// Each loop has its own connection, which ends with the loop. Nothing is missed: it subscribes before it asks for the
/// state, and drops events that the state already shows. When the connection is lost, it reconnects and delivers the
/// Each loop has its own connection, which ends with the loop. Nothing is missed: it subscribes before it asks for the
/// state, and drops events that the state already shows. When the connection is lost, it reconnects and delivers the
/// state again.
///
/// It reads no faster than the loop takes updates. The daemon disconnects a loop that is too slow for long, which then
/// continues with a new state.
///
/// A loop does not end by itself. It fails with a ``LeaseClientError`` if the daemon refuses or cannot be reached at
/// first, or with ``LeaseClientError/Code/cancelled`` if the task is cancelled.
public struct LeaseEvents: AsyncSequence, Sendable {
    /// What a loop receives.
    public typealias Element = LeaseUpdate
    /// What a loop may end with.
    public typealias Failure = LeaseClientError

    private let configuration: LeaseClient.Configuration
    private let patterns: [LeasePattern]

    init(configuration: LeaseClient.Configuration, patterns: [LeasePattern]) {
        self.configuration = configuration
        self.patterns = patterns
    }

    /// Begins with the state.
    ///
    /// It connects at the first ``AsyncIterator/next()``.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(EventConnection(configuration: configuration, patterns: patterns))
    }

    /// The iterator of a loop.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let connection: EventConnection

        fileprivate init(_ connection: EventConnection) {
            self.connection = connection
        }

        /// The next update; never `nil`.
        ///
        /// - Throws: ``LeaseClientError``. Every later call throws the same error, except that
        ///   ``LeaseClientError/Code/cancelled`` ends only this call.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(LeaseClientError) -> LeaseUpdate? {
            try await connection.next()
        }

        /// The same as ``next(isolation:)``, without an actor.
        public mutating func next() async throws(LeaseClientError) -> LeaseUpdate? {
            try await next(isolation: nil)
        }
    }
}

extension LeaseClient {
    /// Watches leases: first who holds them, then what happens to them.
    ///
    /// - Parameter patterns: which leases; all by default. An empty list matches none.
    public func events(matching patterns: [LeasePattern] = ["*"]) -> LeaseEvents {
        LeaseEvents(configuration: configuration, patterns: patterns)
    }
}
