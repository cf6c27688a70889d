import ArgumentParser
import LeaseCore

/// `leasectl run NAME CMD…`: runs a command while it holds the lease.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command while holding a lease.",
        usage: "leasectl run [--wait <duration> | --try] [<options>] <name> <command> [<argument> ...]",
        discussion: """
            Waits in the lease's queue until it is its turn, or as long as --wait says; --try does not wait, which is \
            cron's choice. A signal ends the wait. Options stop at the lease name.

                leasectl run --try backup rsync -a /home /mnt/backup
                leasectl run --try --skip-ok --at-most 2h reports -- make reports
                leasectl run --wait 10m db sh -c 'migrate --fence "$LEASE_TOKEN"'
                leasectl run --try --at-least 5m --report /run/mail.json mail send-queue

            Nobody else is granted while a process of the job lives. The lease is tied to the job's process tree by a \
            descriptor that the job inherits: also if leasectl is killed or stopped, the lease is free when the last \
            process that has it open is gone, and no sooner. The lease is given back when the command and all that \
            it started have ended. If it is lost, because it was revoked, they get TERM and after the grace KILL, \
            and only then is another granted. A daemon that is away is no loss: nobody can be granted meanwhile. Over a \
            restart systemd keeps the tie; without that leasectl ties again, and a job that runs already cannot inherit \
            that tie. At the start a daemon that does not answer is waited for 5 seconds, and one that is not there is \
            not; what then happens is for --if-unreachable to say.

            The command finds LEASE_NAME, LEASE_TOKEN (the fence), LEASE_OWNER, LEASE_TTL_MS and LEASED_SOCKET in \
            its environment. Its stdin, stdout, stderr, terminal, folder and signals are its own; there is no shell.

            With --at-least the lease stays, untied and by time, for what is left of that time when the job ends, and \
            for a second at least. The report of --report is one object with outcome, fence, waited_ms, held_ms and \
            exit_code or signal.

            Exit codes: the command's own, or 128+N if signal N ended it; 75 another holds the lease, or the wait \
            ended; 76 the lease was lost and the command stopped; 124 --at-most was reached; 126 the command cannot \
            be executed; 127 it is not found; 128+N signal N came while it waited; 64 usage; 69 the daemon cannot be \
            reached or has no room; 70 internal error; 77 denied.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var wait: WaitOptions
    @OptionGroup var holder: HolderOptions
    @OptionGroup var options: JobOptions

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    @Argument(help: "The command and its arguments.", completion: .shellCommand("compgen -c"))
    var command: [String]

    func validate() throws {
        _ = try holder.times()
    }

    func run() throws {
        let times = try holder.times()
        try JobRun.reporting(to: options.report) { () throws(Failure) in
            let run = try JobRun(
                of: command,
                connection: connection,
                name: name,
                wait: wait,
                times: times,
                owner: holder.owner,
                options: options
            )
            let conclusion = try run.runAndTell(options).conclusion
            let status = conclusion.exitStatus(notAcquired: options.notAcquiredStatus)
            if status != ExitStatus.success { throw Failure(status, "") }
        }
    }
}
