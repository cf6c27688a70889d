import ArgumentParser
import CLinux
import Glibc
import LeaseCore
import SystemdNotify

/// `leasectl hold NAME`: holds a lease until a signal.
struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Hold a lease until a signal comes.",
        discussion: """
            Waits for the lease, renews it until a signal comes (TERM, INT, HUP, QUIT, USR1, USR2, or another that \
            would end a program), then releases it and exits 0. With --notify it tells systemd that it is ready \
            (READY=1) once it holds the lease. Units that depend on its service then start when the lease is held, and \
            stop before it is released.

                leasectl hold --notify backup
                leasectl hold --try --owner "$USER" deploy && echo released

            If the daemon goes away during the wait, hold waits for it, too, as long as --wait says, and then exits \
            69. It also waits for a daemon that goes away right after the grant: the lease counts as held once the \
            daemon has told how long it lasts.

            The lease is neither bound nor tied: if this process dies, the lease stays until its TTL is over, so that \
            what depends on it has stopped before another holds it. If the lease cannot be renewed, hold exits 76 at \
            the deadline minus the grace, and does not release it. It also exits 76 without a release if the lease is \
            revoked.

            Exit codes: 75 another holds the lease, or the wait ended; 76 the lease was lost; 128+N signal N came \
            during the wait; 64 usage; 69 the daemon cannot be reached or has no room; 70 internal error; 77 denied.
            """
    )

    /// The signals that end it: those that end a process by default, except KILL and those that report a fault in it.
    ///
    /// Real-time signals are included, except the two that the C library reserves (signal(7)).
    private static let signals: [Int32] =
        [
            SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT,
            SIGXCPU,
        ] + Array(34...SignalSet.highest)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var wait: WaitOptions
    @OptionGroup var holder: HolderOptions

    @Flag(help: "Tell systemd that the service is ready once the lease is held.")
    var notify = false

    @Argument(help: "The lease.", transform: ArgumentValue.name)
    var name: LeaseName

    func validate() throws {
        _ = try holder.times()
    }

    func run() throws {
        clinux_set_signal_ignored(SIGPIPE, 1)
        let times = try holder.times()
        // The signals are taken over before there is a second thread.
        let inbox = try Failure.refused { () throws(SpawnFailure) in
            try SignalInbox(Self.signals, start: .ofThisProcess)
        }
        let mailbox = try Failure.refused { () throws(SpawnFailure) in try Mailbox<Tenancy.Event>() }
        let request = Tenancy.Request(
            name: name,
            ttl: times.ttl,
            grace: times.grace,
            owner: holder.owner?.text ?? "leasectl",
            wait: wait.leaseWait,
            isTied: false
        )
        tell { notifier throws(SystemdError) in try notifier.status("waiting for lease \(name)") }
        let keeper = TenancyKeeper(client: try connection.client, request: request, post: { mailbox.post($0) })
        let ending = hold(TenancyTask(keeper), inbox, mailbox)
        if let complaint = ending.complaint(of: name) { Console.complain(complaint) }
        if ending.exitStatus != ExitStatus.success { throw Failure(ending.exitStatus, "") }
    }

    /// Carries out what ``Holding`` decides, to the end.
    private func hold(_ keeping: TenancyTask, _ inbox: SignalInbox, _ mailbox: Mailbox<Tenancy.Event>) -> Holding.Ending
    {
        var holding = Holding()
        while true {
            var descriptors = [inbox.descriptor, mailbox.descriptor].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            poll(&descriptors, nfds_t(descriptors.count), -1)
            let signals = inbox.take().filter { $0.number != SIGCHLD }.map { Holding.Event.signal($0.number) }
            for event in signals + mailbox.take().compactMap(Holding.Event.init) {
                for action in holding.handle(event) {
                    switch action {
                    case .announce(let grant): announce(grant)
                    case .abandon: keeping.cancel()
                    case .release:
                        tell { notifier throws(SystemdError) in try notifier.stopping() }
                        keeping.order(.release)
                    case .finish(let ending): return ending
                    }
                }
            }
        }
    }

    private func announce(_ grant: Tenancy.Grant) {
        tell { notifier throws(SystemdError) in
            try notifier.ready(status: "holds lease \(name) with fence \(grant.fence)")
        }
    }

    /// Notifies systemd, if wanted; a failure to do so is no reason to release the lease.
    private func tell(_ message: (ServiceNotifier) throws(SystemdError) -> Bool) {
        guard notify else { return }
        do throws(SystemdError) { _ = try message(ServiceNotifier()) } catch { Console.complain(error.message) }
    }
}

extension Holding.Event {
    /// The event of the keeping task, or `nil` if it does not matter here.
    init?(_ event: Tenancy.Event) {
        switch event {
        case .granted(let grant, _): self = .granted(grant)
        case .tiedAnew: return nil
        case .refused(let refusal): self = .refused(refusal)
        case .lost(let loss): self = .lost(loss)
        case .released(let result): self = .released(result)
        }
    }
}
