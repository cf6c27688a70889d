import ArgumentParser
import Glibc
import LeaseCore

/// `leasectl elect NAME CMD…`: campaigns for a lease, and runs a command while it leads.
struct ElectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "elect",
        abstract: "Run a command as the one leader among several candidates.",
        usage: "leasectl elect [--id <text>] [--once] [<options>] <name> <command> [<argument> ...]",
        discussion: """
            Waits in the lease's queue with the other candidates. The one that is elected runs the command as \
            "leasectl run" does, with the same environment and the same promise: while a process of one leader's \
            command lives, nobody else leads. Options come before the lease name; what follows it is the command.

                leasectl elect scheduler ./scheduler --fence-from-environment
                leasectl elect --on-win ./take-address --on-lose ./drop-address vip ./proxy
                leasectl elect --id "$(hostname)" scheduler ./scheduler
                leasectl status scheduler --is "$(hostname)" && echo "this machine leads"
                leasectl watch scheduler

            If the lease is lost, elect stops the command and everything it started, and campaigns again. If the \
            command exits 0, elect resigns and exits 0. If the command fails, elect resigns, lets the next candidate \
            lead, keeps away for --backoff, and campaigns again; if it cannot be started, elect exits (126 or 127). On \
            TERM, INT or QUIT, and at a terminal on HUP, elect passes the signal on and exits when the command has \
            ended. With --wait or --try it exits 75 if it is not elected in time.

            The programs of --on-win and --on-lose are executed without arguments and without a shell, with the \
            command's environment. The one of --on-win runs before the command. The one of --on-lose runs at each end \
            of a term, when the command is gone and nobody else leads yet; it does not run if leasectl is killed.

            Exit codes are those of run. With --once, elect exits at the end of the first term.
            """
    )

    /// The defaults of `--ttl` and `--grace`.
    private static let usual = (ttl: Duration.seconds(15), grace: Duration.seconds(5))

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var election: ElectOptions
    @OptionGroup var wait: WaitOptions
    @OptionGroup var holder: HolderOptions
    @OptionGroup var options: JobOptions

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    @Argument(help: "The command and its arguments.", completion: .shellCommand("compgen -c"))
    var command: [String]

    func validate() throws {
        _ = try times
        if election.id != nil, holder.owner != nil {
            throw ValidationError("--id and --owner say the same; give one of them")
        }
    }

    /// The times of this candidate.
    var times: HolderTimes {
        get throws { try holder.times(ttl: TTL(Self.usual.ttl), grace: Self.usual.grace) }
    }

    func run() throws {
        let times = try times
        try JobRun.reporting(to: options.report) { () throws(Failure) in
            try campaign(
                JobRun(
                    of: command,
                    connection: connection,
                    name: name,
                    wait: wait,
                    times: times,
                    owner: election.id ?? holder.owner,
                    usualOwner: Self.hostName,
                    options: options,
                    onWin: ElectOptions.program(election.onWin),
                    onLose: ElectOptions.program(election.onLose)
                )
            )
        }
    }

    /// Campaigns and leads, as ``Campaign`` decides.
    private func campaign(_ run: JobRun) throws(Failure) {
        var run = run
        var campaign = Campaign(backoff: election.backoff ?? .seconds(2), isOnce: election.once)
        while true {
            let outcome = try run.runAndTell(options)
            let step = campaign.ended(
                outcome.conclusion,
                wasGranted: outcome.wasGranted,
                stopSignal: outcome.stopSignal
            )
            switch step {
            case .finish:
                let status = outcome.conclusion.exitStatus(notAcquired: options.notAcquiredStatus)
                guard status != ExitStatus.success else { return }
                throw Failure(status, "")
            case .campaign(let pause):
                if let signal = run.inbox.pause(for: pause) { throw Failure(ExitStatus.signalled(signal), "") }
                // A daemon that is away at the start may stay away; one that has granted a lease is waited for.
                if campaign.hasLed { run.policy.ifUnreachable = .fail }
            }
        }
    }

    /// The machine's name, which tells candidates on several machines apart.
    private static var hostName: Label {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let label = Label(sanitizing: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
        return label == .empty ? .leasectl : label
    }
}
