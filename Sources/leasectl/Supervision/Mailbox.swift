import CLinux
import Glibc
import Synchronization

/// Events from tasks to a thread that waits in poll(2).
///
/// A post never blocks and never gets lost; the posts of one task arrive in its order.
final class Mailbox<Event: Sendable>: Sendable {
    /// Readable when there is an event.
    let descriptor: Int32

    private let events = Mutex<[Event]>([])

    /// - Throws: errno as a ``SpawnFailure``, when the machine has no descriptor left.
    init() throws(SpawnFailure) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw .refused(errno) }
    }

    deinit {
        close(descriptor)
    }

    /// Puts an event in, and wakes the thread.
    func post(_ event: Event) {
        events.withLock { $0.append(event) }
        eventfd_write(descriptor, 1)
    }

    /// Takes everything out.
    ///
    /// The descriptor is read first, so that a post in between wakes again.
    func take() -> [Event] {
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
        return events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
