import Glibc
import LeaseStore
import Logging
import ServiceLifecycle

@testable import LeaseServer

/// The whole server in this process: store, engine and socket in a temporary folder.
struct TestServer: Sendable {
    let server: LeaseServer
    let configuration: ServerConfiguration
    let folder: TemporaryFolder
    private let group: ServiceGroup

    var engine: Engine { server.engine }
    var path: String { configuration.socketPath }

    /// Runs `body` with a server that is ready, and stops the server.
    static func with(
        _ configure: (inout ServerConfiguration) -> Void = { _ in },
        clock: (any LeaseClock)? = nil,
        body: @escaping @Sendable (TestServer) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        var configuration = ServerConfiguration(socketPath: folder.path + "/s", storePath: folder.path + "/store")
        configuration.socketMode = 0o666
        configure(&configuration)
        chmod(folder.path, 0o755)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = try await LeaseServer.start(
            configuration: configuration,
            clock: try clock ?? SystemLeaseClock(),
            logger: logger
        )
        let listener = try UnixListener(path: configuration.socketPath, mode: configuration.socketMode)
        let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
        let socket = SocketService(server: server, listener: listener, logger: logger) { isReady.finish() }
        let group = ServiceGroup(services: [server, socket], gracefulShutdownSignals: [], logger: logger)
        let test = TestServer(server: server, configuration: configuration, folder: folder, group: group)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await _ in ready {}
            do {
                try await body(test)
            } catch {
                tasks.cancelAll()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    /// Connects a client.
    func connect() throws -> RawClient {
        try RawClient(path: path)
    }

    /// Makes the server stop as on SIGTERM.
    func stop() async {
        await group.triggerGracefulShutdown()
    }
}
