import CLinux
import Glibc
import LeaseCore
import NIOCore

/// One timer on CLOCK_BOOTTIME: a timerfd(2) that the event loop reads.
///
/// NIO's own timers use the monotonic clock, which stops while the machine sleeps; a lease does not.
final class DeadlineTimer {
    private let descriptor: Int32
    private let channel: any Channel
    private var armedAt: BootInstant?

    /// Makes the timer; `fired` is called on the event loop.
    static func start(
        on eventLoop: any EventLoop,
        fired: @escaping @Sendable () -> Void
    ) async throws -> sending DeadlineTimer {
        let descriptor = clinux_boot_timer()
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "timerfd_create") }
        let channel = try await ReadySignal.channel(reading: descriptor, on: eventLoop, ready: fired)
        return DeadlineTimer(descriptor: descriptor, channel: channel)
    }

    private init(descriptor: Int32, channel: any Channel) {
        self.descriptor = descriptor
        self.channel = channel
    }

    /// Makes the timer fire at `instant`, at once if that is past, or not at all with `nil`.
    ///
    /// Makes a system call only if that is earlier than the timer would fire: a timer that has nothing to do when it
    /// fires is armed again then. Under steady traffic the next due instant changes with each turn, mostly to a later
    /// one.
    func arm(at instant: BootInstant?) {
        guard instant != armedAt else { return }
        if let armedAt, instant.map({ armedAt <= $0 }) ?? true { return }
        armedAt = instant
        // Zero would disarm it.
        let code = clinux_boot_timer_set(descriptor, instant.map { max($0.nanoseconds, 1) } ?? 0)
        precondition(code == 0, "timerfd_settime: \(errno)")
    }

    /// The timer has fired: it does nothing until it is armed again.
    func didFire() {
        armedAt = nil
    }

    func stop() {
        channel.close(promise: nil)
    }
}
