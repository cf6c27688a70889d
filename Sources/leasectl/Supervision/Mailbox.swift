import CLinux
import Glibc
import Synchronization

/// Passes events from tasks to a thread that waits in poll(2).
///
/// A post never blocks and is never lost; the posts of one task arrive in order.
final class Mailbox<Event: Sendable>: Sendable {
    /// Readable when there is an event.
    let descriptor: Int32

    private let events = Mutex<[Event]>([])

    /// - Throws: errno as a ``SpawnFailure``, if the machine has no descriptor left.
    init() throws(SpawnFailure) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw .refused(errno) }
    }

    deinit {
        close(descriptor)
    }

    /// Adds an event, and wakes the thread.
    func post(_ event: Event) {
        events.withLock { $0.append(event) }
        eventfd_write(descriptor, 1)
    }

    /// Takes all events.
    ///
    /// The descriptor is read first, so that a post in between wakes the thread again.
    func take() -> [Event] {
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
        return events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
