/// What happens to leases, beginning with who holds them now.
///
///     for try await update in client.events(matching: ["backup/*"]) {
///         switch update {
///         case .state(let leases): board.show(leases)
///         case .event(let event): board.change(event)
///         case .interrupted: board.markStale()
///         }
///     }
///
/// Each loop has a connection of its own, which ends with the loop. Nothing is missed: it subscribes before it asks for the
/// state, and tells no event that the state shows already. When the connection is lost it connects again by itself and
/// tells the state anew.
///
/// It reads no faster than the loop takes: a loop that is slow for long is disconnected by the daemon at its limit, and
/// goes on with the state anew.
///
/// A loop does not end by itself. It fails with a ``LeaseClientError``: if the daemon cannot be reached at first, if it
/// refuses, or with ``LeaseClientError/Code/cancelled`` if the task is cancelled.
public struct LeaseEvents: AsyncSequence, Sendable {
    /// What a loop is handed.
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

    /// A loop's place.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let connection: EventConnection

        fileprivate init(_ connection: EventConnection) {
            self.connection = connection
        }

        /// The next update; never `nil`.
        ///
        /// - Throws: ``LeaseClientError``, and each later call the same; but ``LeaseClientError/Code/cancelled`` ends only
        ///   this one.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(LeaseClientError) -> LeaseUpdate? {
            try await connection.next()
        }

        /// The next update; never `nil`.
        ///
        /// - Throws: ``LeaseClientError``, and each later call the same; but ``LeaseClientError/Code/cancelled`` ends only
        ///   this one.
        public mutating func next() async throws(LeaseClientError) -> LeaseUpdate? {
            try await next(isolation: nil)
        }
    }
}

extension LeaseClient {
    /// Watches leases: who holds them now, then what happens to them.
    ///
    /// - Parameter patterns: which leases; all by default. None is no lease.
    public func events(matching patterns: [LeasePattern] = ["*"]) -> LeaseEvents {
        LeaseEvents(configuration: configuration, patterns: patterns)
    }
}
