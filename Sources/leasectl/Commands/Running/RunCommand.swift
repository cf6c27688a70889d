import ArgumentParser
import LeaseCore

/// `leasectl run NAME CMD…`: runs a command while it holds the lease.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command while holding a lease.",
        usage: "leasectl run [--wait <duration> | --try] [<options>] <name> <command> [<argument> ...]",
        discussion: """
            Waits in the lease's queue until its turn comes, at most as long as --wait says. With --try it does not \
            wait, which suits cron. A signal ends the wait. Options come before the lease name; what follows it is the \
            command.

                leasectl run --try backup rsync -a /home /mnt/backup
                leasectl run --try --skip-ok --at-most 2h reports -- make reports
                leasectl run --wait 10m db sh -c 'migrate --fence "$LEASE_TOKEN"'
                leasectl run --try --at-least 5m --report /run/mail.json mail send-queue

            Nobody else is granted the lease while a process of the job lives. The lease is tied to the job's process \
            tree by a descriptor that the job inherits: even if leasectl is killed or stopped, the lease is free when \
            the last process that has the descriptor open is gone, and no sooner. The lease is released when the \
            command and everything it started have ended.

            If the lease is lost, for example because it was revoked, these processes get TERM and, after the grace, \
            KILL. Only when they are gone is another granted, unless the time of the revoke is over sooner.

            While the daemon is down, the lease is not lost, because nobody else can get it. When the daemon restarts, \
            systemd keeps the tie. Without systemd, leasectl ties the lease again, but a job that already runs cannot \
            inherit the new tie. At the start, leasectl waits 5 seconds for a daemon that does not answer, and not at \
            all for one that is not there; --if-unreachable says what happens then.

            The command finds LEASE_NAME, LEASE_TOKEN (the fence), LEASE_OWNER, LEASE_TTL_MS and LEASED_SOCKET in its \
            environment. It gets the stdin, stdout, stderr, terminal, working directory and signal settings of \
            leasectl unchanged. There is no shell.

            With --at-least, a job that ends sooner leaves the lease in place for the rest of that time, and for at \
            least a second. It is then untied and ends by time. The report of --report is one object with outcome, \
            fence, waited_ms, held_ms and exit_code or signal.

            Exit codes: the command's own, or 128+N if signal N ended it; 75 another holds the lease, or the wait \
            ended; 76 the lease was lost and the command stopped; 124 --at-most was reached; 126 the command cannot be \
            executed; 127 it is not found; 128+N signal N came during the wait; 64 usage; 69 the daemon cannot be \
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
