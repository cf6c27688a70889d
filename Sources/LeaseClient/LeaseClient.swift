internal import LeaseWire
internal import NIOCore

/// A client of one daemon.
///
///     let client = LeaseClient()
///     try await client.withLease(LeaseName("backup"), ttl: TTL(.seconds(30))) { lease in
///         try await store.write(data, fence: lease.fence)
///     }
///
/// It connects when it is first used, and again after the connection was lost. Copies share one connection; calls are
/// pipelined on it and answered in order. Every call ends when its task is cancelled, with
/// ``LeaseClientError/Code/cancelled``. The connection closes with ``close()``, or with the last copy.
///
/// **Lost connections.** A command whose answer was lost is sent again if that is safe: reads, and commands with a
/// request id by which the daemon recognises them. Writes to the store are not safe. It is retried for
/// ``Configuration/connectTimeout``; after that, or if the command is not safe to repeat, the call fails with
/// ``LeaseClientError/Code/connectionClosed``, and whether the command was done is unknown. A call that could not be
/// sent at all fails at once with ``LeaseClientError/Code/connectionFailed``.
public struct LeaseClient: Sendable {
    /// How this client connects.
    public var configuration: Configuration { connection.configuration }

    let connection: ClientConnection

    /// Creates a client.
    ///
    /// Nothing is connected yet.
    public init(configuration: Configuration) {
        self.connection = ClientConnection(configuration: configuration)
    }

    /// Creates a client of the daemon named by this process's environment, or else the machine's: ``SocketPath``.
    ///
    /// Nothing is connected yet.
    public init() {
        self.init(configuration: Configuration())
    }

    /// Creates a client of the daemon that listens at a path.
    ///
    /// Nothing is connected yet.
    public init(socketPath: String) {
        self.init(configuration: Configuration(socketPath: socketPath))
    }

    /// Ends the connection.
    ///
    /// Pending and later calls fail with ``LeaseClientError/Code/clientClosed``. Leases are not released.
    public func close() async {
        await connection.close()
    }

    /// Sends a command and waits for its answer, which may be an error from the daemon.
    ///
    /// - Parameters:
    ///   - connection: a connection other than the client's.
    ///   - timeout: how long it may take; by default ``Configuration/requestTimeout``.
    func answer(
        to command: OutgoingCommand,
        on connection: ClientConnection? = nil,
        timeout: Duration? = nil
    ) async throws(LeaseClientError) -> Answer {
        guard command.fitsFrame else {
            throw LeaseClientError(.tooBig, "the command has \(command.bytes.readableBytes) bytes; send less at once")
        }
        let connection = connection ?? self.connection
        return try await connection.answer(to: command, timeout: timeout ?? configuration.requestTimeout)
    }

    /// Sends a command and waits for its answer; throws if the daemon answers an error.
    func reply(to command: OutgoingCommand) async throws(LeaseClientError) -> RESPValue {
        try await answer(to: command).value()
    }
}
