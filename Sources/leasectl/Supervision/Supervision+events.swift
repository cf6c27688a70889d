extension Supervision {
    /// What happens to a run.
    enum Event: Hashable, Sendable {
        case granted
        case refused(Refusal)
        case spawned(Int32)
        case notSpawned(SpawnFailure)
        /// `fromTerminal`: the kernel's terminal driver sent it, to the whole foreground group (SI_KERNEL).
        case signal(Int32, fromTerminal: Bool)
        /// A child was waited for: the main process, or a descendant that became a child.
        case childEnded(Int32, JobStatus)
        /// No descendant of the job is left.
        case treeEmpty
        case lost(Loss)
        case released(ReleaseResult)
        /// ``Supervision/nextTimer`` has come.
        case timerFired
    }

    /// What is to be done.
    enum Action: Hashable, Sendable {
        /// Stop asking for the lease, and give it back if it was granted meanwhile; `refused` or `released` will tell.
        case abandon
        case spawn(Stage)
        /// Send the signal to the main process, or to its group if it leads one.
        case forward(Int32)
        /// Send the signal to all of the tree: the main process is gone.
        case forwardToTree(Int32)
        /// The same to those alone that are not in the process group of `leasectl`: the others have it.
        case forwardToOtherGroups(Int32)
        case terminateTree
        case killTree
        /// Say on stderr who is still there.
        case nameStragglers
        /// Say on stderr that the job is being stopped, and why.
        case announceLoss(Loss)
        case announceAtMost
        /// Say on stderr that nobody keeps another job away.
        case announceRunWithoutLease(Refusal)
        /// Say on stderr that a program beside the job failed.
        case announceFailure(Stage, StageFailure)
        case release
        /// Give the lease back so that it ends by itself, after this time.
        case leave(Duration)
        case finish(Conclusion)
    }

    /// Why the program of `--on-win` or `--on-lose` did not do what it should.
    enum StageFailure: Hashable, Sendable {
        case notStarted(SpawnFailure)
        case ended(JobStatus)
        /// It has run for the whole grace.
        case tookTooLong
    }
}
