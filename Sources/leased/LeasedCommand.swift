import ArgumentParser
import CLinux
import Glibc
import LeaseCore
import LeaseServer
import LeaseStore
import Logging
import ServiceLifecycle
import SystemdNotify
import UnixSignals

/// The daemon's main program: configuration, services in order, exit codes.
@main
struct LeasedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leased",
        abstract: "Hands out leases: named, time-limited, exclusive claims with fencing tokens.",
        discussion: """
            leased listens on a Unix socket and keeps everything in one SQLite file. Jobs and services talk to it with \
            leasectl, with any Redis client, or by hand:

              leased --user &
              leasectl --user run --try backup ./backup.sh
              redis-cli -s $XDG_RUNTIME_DIR/leased/leased.sock ACQUIRE backup 30s

            A flag wins over a LEASED_* variable, and a variable over the configuration file. On TERM or INT, leased \
            answers what it has received and stops; on HUP, it reads the configuration again.

            To restore a backup made by leasectl backup, stop the daemon and run, as root or as its user:

              leased --restore FILE

            This checks the backup, keeps the present store beside it, puts the backup in its place and ends. Then \
            start the daemon again.

            Exit status: 0 stopped as asked, or restored; 64 wrong usage; 65 the store's file, or the backup, is not \
            usable; 66 there is no such backup; 69 another daemon is in the way; 71 the system refused a call; 73 a \
            file or socket cannot be created; 74 reading or writing failed; 77 not permitted; 78 wrong configuration.
            """,
        version: "leased \(LeasedVersion.current)"
    )

    @Option(help: ArgumentHelp("Listen on the socket at PATH.", valueName: "path"), completion: .file())
    var socket: String?

    @Flag(help: "Run as a user's own daemon, with socket, store and configuration in the user's folders.")
    var user = false

    @Option(help: ArgumentHelp("Keep the store in the file at PATH.", valueName: "path"), completion: .file())
    var store: String?

    @Option(
        help: ArgumentHelp("Read the configuration from FILE, which must exist.", valueName: "file"),
        completion: .file()
    )
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Log messages of LEVEL and above: trace, debug, info, notice, warning, error or critical.",
            valueName: "level"
        ),
        completion: .list(Logger.Level.allCases.map(\.rawValue))
    )
    var logLevel: String?

    @Option(
        help: ArgumentHelp("Replace the store with the backup FILE, and end.", valueName: "file"),
        completion: .file()
    )
    var restore: String?

    @Option(
        help: ArgumentHelp(
            "With --restore: issue only tokens above N. Required if the backup's are ahead of the wall clock.",
            valueName: "n"
        ),
        transform: Self.token
    )
    var minToken: Token?

    // On the main actor, so that nothing runs on the shared pool first.
    @MainActor static func main() async {
        // One loop makes nearly all allocations, and a thread's own arena grows by one page, with a system call, at a
        // time.
        mallopt(M_ARENA_MAX, 1)
        await withTaskExecutorPreference(QueueTaskExecutor(label: "leased.tasks")) { await main(nil) }
    }

    func validate() throws {
        guard minToken == nil || restore != nil else {
            throw ValidationError("--min-token goes with --restore alone")
        }
    }

    func run() async throws {
        // A client that went away, or a log without a reader, must fail that write, not end the daemon.
        signal(SIGPIPE, SIG_IGN)
        SQLiteLibrary.leaveMemoryUncounted()
        let level = LogLevel()
        LoggingSystem.bootstrap { ReloadableLogHandler(label: $0, level: level) }
        let logger = Logger(label: "leased")
        do {
            if let restore {
                try restoreBackup(restore, logger: logger, level: level)
            } else {
                try await serve(logger: logger, level: level)
            }
        } catch {
            let code = Self.exitCode(of: error)
            logger.critical("\(Self.sentence(of: error))", metadata: ["exit": "\(code)"])
            throw ExitCode(code)
        }
    }

    private func serve(logger: Logger, level: LogLevel) async throws {
        // Until HUP is trapped there is nothing to reload.
        signal(SIGHUP, SIG_IGN)
        // First, because it changes the environment, which nothing else reads yet.
        let passed = PassedDescriptors(try ListenDescriptors.take(), storedAs: KeptTies.namePrefix)
        // A reload requested after the configuration was read waits for the end of the start.
        let hangUps = await UnixSignalsSequence(trapping: .sighup)
        let configuration = try loadConfiguration()
        level.current = configuration.logLevel
        let clock = try SystemLeaseClock()
        let listener = try Self.listener(configuration, passed: passed.listeners)
        var inForce = configuration
        let surroundings = Surroundings(listener: listener, logger: logger)
        surroundings.check(configuration)
        // A passed socket is where its unit says.
        inForce.socketPath = listener.boundPath ?? configuration.socketPath
        let tieStore = TieStore(logger: logger)
        let server: LeaseServer
        do {
            server = try await LeaseServer.start(
                configuration: inForce,
                clock: clock,
                logger: logger,
                keptTies: KeptTies(passed.stored),
                tieStore: tieStore
            )
        } catch {
            // Nobody will ever answer on it.
            listener.removeSocket()
            throw error
        }
        let status = StatusService(server: server, logger: logger)
        var services: [any Service] = tieStore.map { [$0] } ?? []
        services += [
            server,
            SocketService(server: server, listener: listener, logger: logger) {
                await status.socketAnswers()
                // Half of the program's mapped memory is only needed during the start.
                clinux_give_back_program()
            },
            WatchdogService(server: server, commitTimeout: configuration.commitTimeout, logger: logger),
            ReloadService(
                server: server,
                started: configuration,
                surroundings: surroundings,
                hangUps: hangUps,
                level: level,
                logger: logger,
                load: loadConfiguration
            ),
        ]
        #if DEBUG
            services.append(HangHook(server: server, logger: logger))
        #endif
        // The last service stops first, so that the service manager hears of the stop before anything else happens.
        services.append(status)
        var group = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "leased.services") { _ in SwiftLogNoOpLogHandler() }
        )
        group.maximumGracefulShutdownDuration = configuration.stopTimeout
        try await ServiceGroup(configuration: group).run()
        logger.info("stopped")
    }

    @Sendable func loadConfiguration() throws(ConfigurationError) -> ServerConfiguration {
        try ServerConfiguration.load(
            overrides: CommandLineOverrides(
                config: config,
                user: user,
                socket: socket,
                store: store,
                logLevel: logLevel
            ),
            environment: Self.environment
        )
    }

    /// The socket: the one that the service manager passed, or a new one.
    private static func listener(
        _ configuration: ServerConfiguration,
        passed: [PassedDescriptor]
    ) throws -> UnixListener {
        guard let descriptor = passed.first else {
            return try UnixListener(
                path: configuration.socketPath,
                mode: configuration.socketMode,
                group: configuration.socketGroup,
                folderMode: configuration.isUserDaemon ? 0o700 : 0o755
            )
        }
        guard passed.count == 1 else { throw TooManySockets(count: passed.count) }
        try descriptor.requireListeningUnixStream()
        return UnixListener(activated: descriptor.descriptor)
    }

    private static var environment: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let variable = entry.pointee {
            let parts = String(cString: variable).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 {
                variables[String(parts[0])] = String(parts[1])
            }
            entry += 1
        }
        return variables
    }
}

/// The service manager passed more sockets than the daemon listens on.
struct TooManySockets: Error, CustomStringConvertible {
    let count: Int

    var description: String { "\(count) sockets were passed, and one is served; have the socket unit listen on one" }
}
