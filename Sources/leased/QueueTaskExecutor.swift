import Dispatch

/// Runs tasks on a queue of its own, one after the other, in place of the runtime's shared pool.
///
/// The daemon's tasks wait for signals and for each other and do next to nothing. The pool, once it has run a task, is looked
/// at every second for as long as the process lives, whether there are tasks or not; the thread of a serial queue is not.
///
/// A task that blocks holds up all others: what waits for a disk or for the service manager is an actor on a queue of its own
/// (`SerialQueueExecutor`, which isolates an actor; this only says where a task runs).
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
