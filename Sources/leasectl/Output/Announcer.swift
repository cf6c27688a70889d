import CLinux
import Dispatch
import Glibc
import Synchronization

/// Prints on stderr what happens to a job, from a separate thread.
///
/// A supervisor must not wait for a reader: a paused pager or a stopped terminal would keep a job running that must
/// stop, while its lease may already be someone else's.
final class Announcer: Sendable {
    /// The most sentences that wait to be printed; any more are dropped.
    private static let mostWaiting = 64

    private let queue = DispatchQueue(label: "leasectl.stderr")
    private let waiting = Atomic<Int>(0)

    /// Queues a sentence; does not wait.
    func say(_ sentence: String) {
        guard waiting.load(ordering: .relaxed) < Self.mostWaiting else { return }
        waiting.add(1, ordering: .relaxed)
        queue.async { [self] in
            // In the background of a terminal with `stty tostop`, a write would stop the process unless SIGTTOU is
            // blocked.
            var background = sigset_t()
            sigemptyset(&background)
            sigaddset(&background, SIGTTOU)
            pthread_sigmask(SIG_BLOCK, &background, nil)
            Console.complain(sentence)
            waiting.subtract(1, ordering: .relaxed)
        }
    }

    /// Waits until all is printed, at most two seconds: nobody may ever read it.
    func finish() {
        let said = DispatchSemaphore(value: 0)
        queue.async { said.signal() }
        _ = said.wait(timeout: .now() + .seconds(2))
    }
}
