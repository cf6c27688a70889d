import CLinux
import Glibc
import LeaseClient
import LeaseCore

extension JobRun {
    /// Prepares the runs of a command: takes over the signals, before there is a second thread.
    ///
    /// - Parameters:
    ///   - owner: the requested label.
    ///   - usualOwner: the default label; if `nil`, the command's. It is shortened if the daemon accepts only shorter
    ///     ones.
    /// - Throws: ``Failure`` if there is nothing to run, or the machine refuses.
    init(
        of arguments: [String],
        connection: ConnectionOptions,
        name: LeaseName,
        wait: WaitOptions,
        times: HolderTimes,
        owner: Label?,
        usualOwner: Label? = nil,
        options: JobOptions,
        onWin: JobCommand? = nil,
        onLose: JobCommand? = nil
    ) throws(Failure) {
        guard let command = JobCommand(arguments.flatMap(ArgumentText.bytes(ofJoined:))) else {
            throw Failure(ExitStatus.usage, "there is no command to run")
        }
        guard ProcessTable.showsThisProcess else {
            throw Failure(
                ExitStatus.internalError,
                "/proc is that of another PID namespace, so that the job's processes cannot be told; mount it anew (unshare --mount-proc)"
            )
        }
        // If the reader of stderr goes away, that must not end this process, and the job with it.
        clinux_set_signal_ignored(SIGPIPE, 1)
        inbox = try Failure.refused { () throws(SpawnFailure) in
            let standIn = try StandIn.divideIfNeeded(passingOn: Supervision.forwarded, start: .ofThisProcess)
            return try SignalInbox(Supervision.forwarded, start: .ofThisProcess, standIn: standIn)
        }
        let usualOwner = usualOwner ?? command.ownerLabel
        client = try connection.client
        request = Tenancy.Request(
            name: name,
            ttl: times.ttl,
            grace: times.grace,
            owner: (owner ?? usualOwner).text,
            shortOwner: owner == nil ? usualOwner.shortened.text : nil,
            wait: wait.leaseWait,
            isTied: true
        )
        let hasTerminal = Self.hasControllingTerminal
        policy = SupervisionPolicy(
            grace: times.grace,
            atLeast: options.atLeast,
            atMost: options.atMost,
            release: options.release,
            ifUnreachable: options.ifUnreachable,
            hasOnWin: onWin != nil,
            hasOnLose: onLose != nil,
            hasTerminal: hasTerminal,
            isSessionLeader: getsid(0) == getpid()
        )
        job = SupervisedJob(
            spawner: JobSpawner(start: .ofThisProcess, leadsGroup: !hasTerminal),
            command: command,
            onWin: onWin,
            onLose: onLose,
            inherited: JobEnvironment.inherited(),
            socket: connection.absoluteSocketPath
        )
    }

    /// Runs once, prints what is wrong on stderr, and writes the report if one is wanted.
    ///
    /// A report that cannot be written does not change the result.
    func runAndTell(_ options: JobOptions) throws(Failure) -> Outcome {
        let outcome = try Failure.refused { () throws(SpawnFailure) in try run() }
        let program = job.command.programText
        if let complaint = outcome.conclusion.complaint(program: program, isHeldFine: options.skipOk) {
            Console.complain(complaint)
        }
        if let path = options.report {
            do throws(Failure) { try outcome.report.write(to: path) } catch { Console.complain(error.message) }
        }
        return outcome
    }

    /// Runs `body`.
    ///
    /// If the machine refuses a resource that it needs, the report says so, as for any other end.
    static func reporting(to path: String?, _ body: () throws(Failure) -> Void) throws(Failure) {
        do throws(Failure) {
            try body()
        } catch {
            if error.status == ExitStatus.internalError, !error.message.isEmpty, let path {
                let report = RunReport(
                    conclusion: .internalError(error.message),
                    fence: nil,
                    waitedMilliseconds: 0,
                    heldMilliseconds: nil
                )
                do throws(Failure) { try report.write(to: path) } catch { Console.complain(error.message) }
            }
            throw error
        }
    }

    /// Whether there is a controlling terminal, which sends Ctrl-C and job-control signals.
    private static var hasControllingTerminal: Bool {
        let terminal = clinux_open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC, 0)
        guard terminal >= 0 else { return false }
        close(terminal)
        return true
    }
}
