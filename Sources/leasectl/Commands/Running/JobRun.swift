import Glibc
import LeaseClient
import LeaseCore

/// One run of a job under a lease, from the asking to the giving back: `run` does one, `elect` one for each term.
struct JobRun {
    let client: LeaseClient
    let inbox: SignalInbox
    let request: Tenancy.Request
    var policy: SupervisionPolicy
    let job: SupervisedJob

    /// How it went.
    struct Outcome {
        let report: RunReport
        /// The signal that asked `leasectl` itself to stop, if one did.
        let stopSignal: Int32?

        var conclusion: Conclusion { report.conclusion }
        /// Whether the lease was granted.
        var wasGranted: Bool { report.fence != nil }
    }

    /// Runs the job, and returns when the lease was given back, or nobody could be told.
    ///
    /// To be called on the main thread, since the job dies with the thread that spawned it.
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
