import Glibc
import LeaseClient
import LeaseCore

/// One run of a job under a lease, from acquiring to releasing: `run` does one, `elect` one for each term.
struct JobRun {
    let client: LeaseClient
    let inbox: SignalInbox
    let request: Tenancy.Request
    var policy: SupervisionPolicy
    let job: SupervisedJob

    /// The outcome of a run.
    struct Outcome {
        let report: RunReport
        /// The signal that asked `leasectl` itself to stop, if any.
        let stopSignal: Int32?

        var conclusion: Conclusion { report.conclusion }
        var wasGranted: Bool { report.fence != nil }
    }

    /// Runs the job; returns when the lease is released, or the daemon could not be told.
    ///
    /// Must be called on the main thread: the job dies with the thread that spawned it.
    func run() throws(SpawnFailure) -> Outcome {
        let startedAt = BootClock.now()
        let mailbox = try Mailbox<Tenancy.Event>()
        let tree = ProcessTree.belowThisProcess()
        let keeper = TenancyKeeper(client: client, request: request, post: { mailbox.post($0) })
        var supervisor = Supervisor(
            policy: policy,
            job: job,
            inbox: inbox,
            mailbox: mailbox,
            keeping: TenancyTask(keeper),
            tree: tree
        )
        let conclusion = supervisor.run()
        let endedAt = supervisor.releasedAt ?? BootClock.now()
        let report = RunReport(
            conclusion: conclusion,
            fence: supervisor.grant?.fence.rawValue,
            waitedMilliseconds: startedAt.duration(to: supervisor.grantedAt ?? endedAt).wholeMilliseconds,
            heldMilliseconds: supervisor.grantedAt?.duration(to: endedAt).wholeMilliseconds
        )
        return Outcome(report: report, stopSignal: supervisor.stopSignal)
    }
}
