import CLinux
import Dispatch
import Glibc
import Synchronization

/// Says on stderr what happens to a job, from a thread of its own.
///
/// Whoever supervises a job must not wait for a reader: a pager that is paused, or a terminal that is stopped, would
/// keep a job running that is to be stopped, and its lease would be somebody else's by then.
final class Announcer: Sendable {
    /// The most sentences that wait to be read; what is over is not said.
    private static let mostWaiting = 64

    private let queue = DispatchQueue(label: "leasectl.stderr")
    private let waiting = Atomic<Int>(0)

    /// Has a sentence said, behind those before it; does not wait.
    func say(_ sentence: String) {
        guard waiting.load(ordering: .relaxed) < Self.mostWaiting else { return }
        waiting.add(1, ordering: .relaxed)
        queue.async { [self] in
            // In the background of a terminal that minds (stty tostop) writing would stop the process: not if it is
            // blocked.
            var background = sigset_t()
            sigemptyset(&background)
            sigaddset(&background, SIGTTOU)
            pthread_sigmask(SIG_BLOCK, &background, nil)
            Console.complain(sentence)
            waiting.subtract(1, ordering: .relaxed)
        }
    }

    /// Waits until all is said, for two seconds at the most: nobody may ever read it.
    func finish() {
        let said = DispatchSemaphore(value: 0)
        queue.async { said.signal() }
        _ = said.wait(timeout: .now() + .seconds(2))
    }
}
