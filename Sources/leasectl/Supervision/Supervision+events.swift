extension Supervision {
    enum Event: Hashable, Sendable {
        case granted
        case refused(Refusal)
        case spawned(Int32)
        case notSpawned(SpawnFailure)
        /// `fromTerminal`: whether the kernel's terminal driver sent it, to the whole foreground group (SI_KERNEL).
        case signal(Int32, fromTerminal: Bool)
        /// A child was waited for: the main process, or a descendant that became a child.
        case childEnded(Int32, JobStatus)
        /// No descendant of the job is left.
        case treeEmpty
        case lost(Loss)
        case released(ReleaseResult)
        /// The time of ``Supervision/nextTimer`` has come.
        case timerFired
    }

    enum Action: Hashable, Sendable {
        /// Stop asking for the lease, and release it if it was granted in the meantime; `refused` or `released`
        /// follows.
        case abandon
        case spawn(Stage)
        /// Send the signal to the main process, or to its group if it leads one.
        case forward(Int32)
        /// Send the signal to the whole tree: the main process is gone.
        case forwardToTree(Int32)
        /// Send the signal only to processes outside the process group of `leasectl`: the others already have it.
        case forwardToOtherGroups(Int32)
        case terminateTree
        case killTree
        /// Print which processes are still there.
        case nameStragglers
        /// Print that the job is being stopped, and why.
        case announceLoss(Loss)
        case announceAtMost
        /// Print that the job runs unprotected from other jobs.
        case announceRunWithoutLease(Refusal)
        /// Print that the program of `--on-win` or `--on-lose` failed.
        case announceFailure(Stage, StageFailure)
        case release
        /// Leave the lease in place, to end by itself after this time.
        case leave(Duration)
        case finish(Conclusion)
    }

    /// Why the program of `--on-win` or `--on-lose` failed.
    enum StageFailure: Hashable, Sendable {
        case notStarted(SpawnFailure)
        case ended(JobStatus)
        /// It ran for the whole grace.
        case tookTooLong
    }
}
