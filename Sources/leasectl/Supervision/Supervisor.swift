import CLinux
import Glibc
import LeaseCore

/// Carries out what ``Supervision`` decides: the processes, signals and waiting of `leasectl run`.
///
/// It belongs to the main thread, which lives as long as `leasectl`: the job dies with the thread that spawned it. It
/// waits in poll(2) for signals, for events of the task that keeps the lease, and for the state machine's next timer.
struct Supervisor: ~Copyable {
    private var machine: Supervision
    private let job: SupervisedJob
    private let inbox: SignalInbox
    private let mailbox: Mailbox<Tenancy.Event>
    private let keeping: TenancyTask
    private let announcer = Announcer()
    private var tree: ProcessTree
    private var tie: TieDescriptor?

    /// When the lease was granted, if it was.
    private(set) var grant: Tenancy.Grant?
    private(set) var grantedAt: BootInstant?
    private(set) var releasedAt: BootInstant?

    /// The signal that asked `leasectl` itself to stop, if any.
    var stopSignal: Int32? { machine.stopSignal }

    /// Creates a supervisor; `keeping` is the task that posts into the mailbox.
    init(
        policy: SupervisionPolicy,
        job: SupervisedJob,
        inbox: SignalInbox,
        mailbox: Mailbox<Tenancy.Event>,
        keeping: TenancyTask,
        tree: ProcessTree
    ) {
        self.machine = Supervision(policy: policy)
        self.job = job
        self.inbox = inbox
        self.mailbox = mailbox
        self.keeping = keeping
        self.tree = tree
    }

    /// Runs to the end and returns the conclusion.
    ///
    /// By then the lease is released, or the daemon could not be told.
    mutating func run() -> Conclusion {
        defer { announcer.finish() }
        while true {
            wait()
            // Signals are forwarded at once; the rest may take a while.
            if let conclusion = handle(inbox.take()) ?? handle(inbox.takeWithinWindow()) { return conclusion }
            for event in mailbox.take() {
                if let event = translate(event), let conclusion = handle(event) { return conclusion }
            }
            if let conclusion = reap() ?? handle(.timerFired) { return conclusion }
        }
    }

    /// Waits for a signal, an event or the next timer; at most a minute: poll(2) does not count the time of a suspend,
    /// so a timer is late by no more than that.
    private func wait() {
        var descriptors = [
            pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        var timeout: Int32 = -1
        if let due = machine.nextTimer {
            let left = BootClock.now().duration(to: due)
            timeout = left <= .zero ? 0 : Int32(min(left.wholeMilliseconds, 60_000)) + 1
        }
        poll(&descriptors, nfds_t(descriptors.count), timeout)
    }

    private var tieNumber: Int32? {
        switch tie {
        case .some(let tie): tie.number
        case nil: nil
        }
    }

    /// Handles an event of the keeping task, and translates it for the state machine.
    private mutating func translate(_ event: Tenancy.Event) -> Supervision.Event? {
        switch event {
        case .granted(let grant, let number):
            self.grant = grant
            grantedAt = BootClock.now()
            if let number { tie = TieDescriptor(owning: number) }
            return .granted
        case .tiedAnew(let number):
            tie = TieDescriptor(owning: number)
            return nil
        case .refused(let refusal): return .refused(refusal)
        case .lost(let loss): return .lost(loss)
        case .released(let result):
            releasedAt = BootClock.now()
            report(result)
            return .released(result)
        }
    }

    /// Waits for every child that has ended, and checks whether the tree is empty.
    private mutating func reap() -> Conclusion? {
        var status: Int32 = 0
        while true {
            let process = waitpid(-1, &status, WNOHANG)
            if process < 0, errno == EINTR { continue }
            guard process > 0 else {
                let hasChildren = process == 0
                return tree.isEmpty(hasChildren: hasChildren) ? handle(.treeEmpty) : nil
            }
            tree.ended(process)
            if let conclusion = handle(.childEnded(process, JobStatus(waitStatus: status))) { return conclusion }
        }
    }

    private mutating func handle(_ signals: [SignalInbox.Signal]) -> Conclusion? {
        // SIGCHLD only wakes the loop: children are checked each time.
        for signal in signals where signal.number != SIGCHLD {
            let event = Supervision.Event.signal(signal.number, fromTerminal: signal.isFromKernel)
            if let conclusion = handle(event) { return conclusion }
        }
        return nil
    }

    private mutating func handle(_ event: Supervision.Event) -> Conclusion? {
        for action in machine.handle(event, now: BootClock.now()) {
            if let conclusion = perform(action) { return conclusion }
        }
        return nil
    }

    private mutating func perform(_ action: Supervision.Action) -> Conclusion? {
        switch action {
        case .spawn(let stage): return spawn(stage)
        case .forward(let signal): forward(signal)
        case .forwardToTree(let signal): tree.send(signal)
        case .forwardToOtherGroups(let signal): tree.sendToOtherGroups(signal)
        case .terminateTree: tree.terminate()
        case .killTree: tree.kill()
        case .nameStragglers: nameStragglers()
        case .announceLoss(let loss):
            if let name = grant?.name { announcer.say(loss.sentence(of: name)) }
        case .announceAtMost: announcer.say("the job has run for the time of --at-most; it is being stopped")
        case .announceRunWithoutLease(let refusal):
            announcer.say("\(refusal.message); the job runs without a lease")
        case .announceFailure(let stage, let failure):
            announcer.say(failure.sentence(of: stage, program: job.program(of: stage).programText))
        case .abandon: keeping.cancel()
        case .release: keeping.order(.release)
        case .leave(let rest): keeping.order(.leave(rest))
        case .finish(let conclusion): return conclusion
        }
        return nil
    }

    private mutating func spawn(_ stage: SupervisionStage) -> Conclusion? {
        do throws(SpawnFailure) {
            let environment = job.environment(of: grant)
            let process = try job.spawner.spawn(job.program(of: stage), environment: environment, tie: tieNumber)
            return handle(.spawned(process))
        } catch {
            return handle(.notSpawned(error))
        }
    }

    /// Sends a signal to the job.
    ///
    /// The number cannot have been reused: it belongs to a child that was not waited for.
    private func forward(_ signal: Int32) {
        guard let process = machine.main?.process, process > 0 else { return }
        guard job.spawner.leadsGroup else { return _ = kill(process, signal) }
        kill(-process, signal)
        // It may have moved to another group.
        if getpgid(process) != process { kill(process, signal) }
    }

    private func nameStragglers() {
        let stragglers = tree.living()
        guard !stragglers.isEmpty else { return }
        let list = stragglers.map { "\($0.name) (\($0.process))" }.joined(separator: ", ")
        announcer.say("waiting for what the job left behind: \(list)")
    }

    private func report(_ result: ReleaseResult) {
        switch result {
        case .released: break
        case .leftFor(let ttl):
            announcer.say(
                "the lease stays in place for \(ttl) only, the daemon's longest TTL, and not for --at-least"
            )
        case .wasOver:
            // A loss was announced already; without one, the end of the tenure is noticed only now.
            if case .lost = machine.conclusion { return }
            announcer.say("the lease was over before the job had ended and it could be released")
        case .failed(let reason):
            let time = machine.policy.atLeast == nil ? "" : ", perhaps before --at-least"
            announcer.say("the lease could not be given back as it should be, and ends by itself\(time): \(reason)")
        }
    }
}
