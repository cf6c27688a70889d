import Dispatch

/// An actor's executor on its own queue.
///
/// For an actor that blocks, such as a store on its disk: on the shared pool it would hold up unrelated tasks.
package final class SerialQueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    package init(label: String) {
        queue = DispatchQueue(label: label)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// Runs `work` after everything already queued.
    func execute(_ work: @escaping @Sendable () -> Void) {
        queue.async(execute: work)
    }

    package func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
