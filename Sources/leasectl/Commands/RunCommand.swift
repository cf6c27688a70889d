import ArgumentParser
import CLinux
import Glibc
import LeaseClient
import LeaseCore

/// `leasectl run NAME CMD…`: runs a command while it holds the lease.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command while holding a lease.",
        usage: "leasectl run --try [<options>] <name> <command> [<argument> ...]",
        discussion: """
            The lease is renewed while the command runs and released when it and all that it started have ended. If \
            the lease is lost, because it was revoked, the command and all that it started are stopped. A daemon that \
            is away is no loss: nobody else can be granted meanwhile. Options stop at the lease name.

                leasectl run --try backup rsync -a /home /mnt/backup
                leasectl run --try --skip-ok --at-most 2h reports -- make reports
                leasectl run --try db sh -c 'migrate --fence "$LEASE_TOKEN"'

            The command finds LEASE_NAME, LEASE_TOKEN (the fence), LEASE_OWNER, LEASE_TTL_MS and LEASED_SOCKET in \
            its environment. Its stdin, stdout, stderr, terminal, folder and signals are its own; there is no shell.

            Exit codes: the command's own, or 128+N if signal N ended it; 75 another holds the lease; 76 the lease \
            was lost and the command stopped; 124 --at-most was reached; 126 the command cannot be executed; 127 it \
            is not found; 64 usage; 69 the daemon cannot be reached; 70 internal error; 77 denied.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RunOptions

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    @Argument(help: "The command and its arguments.", completion: .shellCommand("compgen -c"))
    var command: [String]

    func run() throws {
        guard let command = JobCommand(command.map(ArgumentText.bytes)) else {
            throw Failure(ExitStatus.usage, "there is no command to run")
        }
        let startedAt = BootClock.now()
        // A reader of our stderr that has gone away must not end us, and the job with us.
        clinux_set_signal_ignored(SIGPIPE, 1)
        var supervisor: Supervisor
        do throws(SpawnFailure) {
            supervisor = try startSupervisor(of: command)
        } catch {
            throw Failure(ExitStatus.internalError, "the machine refuses what leasectl needs: \(error.sentence)")
        }
        let conclusion = supervisor.run()
        if let complaint = conclusion.complaint(program: command.programText, isHeldFine: options.skipOk) {
            Console.complain(complaint)
        }
        let endedAt = supervisor.releasedAt ?? BootClock.now()
        report(
            RunReport(
                conclusion: conclusion,
                fence: supervisor.grant?.fence.rawValue,
                waitedMilliseconds: startedAt.duration(to: supervisor.grantedAt ?? endedAt).wholeMilliseconds,
                heldMilliseconds: supervisor.grantedAt?.duration(to: endedAt).wholeMilliseconds
            )
        )
        let status = conclusion.exitStatus(notAcquired: options.notAcquiredStatus)
        if status != ExitStatus.success { throw Failure(status, "") }
    }

    /// Takes over the signals, before there is a second thread, and begins to acquire the lease.
    private func startSupervisor(of command: JobCommand) throws(SpawnFailure) -> Supervisor {
        let inbox = try SignalInbox(Supervision.forwarded, start: .ofThisProcess)
        let mailbox = try Mailbox<Tenancy.Event>()
        let keeper = TenancyKeeper(
            client: connection.client,
            name: name,
            ttl: options.ttl,
            grace: options.graceTime,
            owner: options.owner?.text ?? command.ownerLabel,
            post: { mailbox.post($0) }
        )
        // The supervisor ends it and hears its last event, unless that is of no interest to anybody any more.
        let keeping = Task.detached { await keeper.run() }
        let hasTerminal = Self.hasControllingTerminal
        let socket = connection.absoluteSocketPath
        let inherited = JobEnvironment.inherited()
        return Supervisor(
            policy: SupervisionPolicy(
                grace: options.graceTime,
                atMost: options.atMost,
                release: options.release,
                hasTerminal: hasTerminal,
                isSessionLeader: getsid(0) == getpid()
            ),
            job: Supervisor.Job(
                spawner: JobSpawner(start: .ofThisProcess, leadsGroup: !hasTerminal),
                command: command,
                environment: { grant in
                    JobEnvironment(
                        inherited: inherited,
                        name: grant.name.bytes,
                        fence: grant.fence.rawValue,
                        owner: grant.owner,
                        ttlMilliseconds: grant.ttl.milliseconds,
                        socket: socket
                    )
                }
            ),
            inbox: inbox,
            mailbox: mailbox,
            keeping: keeping,
            tree: .belowThisProcess()
        )
    }

    /// Whether there is a terminal that Ctrl-C and job control come from.
    private static var hasControllingTerminal: Bool {
        let terminal = clinux_open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC, 0)
        guard terminal >= 0 else { return false }
        close(terminal)
        return true
    }

    /// Writes the report if one is wanted; that it cannot be written does not change how the run ended.
    private func report(_ report: RunReport) {
        guard let path = options.report else { return }
        do throws(Failure) { try report.write(to: path) } catch { Console.complain(error.message) }
    }
}
