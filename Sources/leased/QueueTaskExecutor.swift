import Dispatch

/// Runs tasks on a serial queue, one after the other, instead of on the runtime's shared pool.
///
/// The daemon's tasks wait for signals and for each other, and do almost nothing. Once the pool has run a task, it is
/// checked every second for the rest of the process, whether there are tasks or not; the thread of a serial queue is
/// not.
///
/// A task that blocks holds up all others, so code that waits for a disk or for the service manager is an actor on its
/// own queue (`SerialQueueExecutor` isolates an actor; this executor only decides where a task runs).
final class QueueTaskExecutor: TaskExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
