internal import CSystemd  // timespec comes with it
internal import Glibc

/// What the watchdog's thread waits for: a ping that came back, the order to stop, or its next tick.
///
/// A condition variable on CLOCK_MONOTONIC, because the thread must wait without the event loop and the concurrency
/// runtime: it watches both. Only the newest pong is kept, so nothing grows.
///
/// Unchecked, because the compiler cannot see that `mutex` guards both variables: each is read and written only between
/// lock and unlock. The two pthread objects stay at a fixed address until `deinit`.
final class WatchdogSignals: @unchecked Sendable {
    enum Wakeup: Hashable {
        case tick, stop
        case pong(Int)
    }

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var newestPong: Int?
    private var isStopped = false

    init() {
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Reports that a ping came back.
    ///
    /// May be called from any thread; it never blocks for long.
    func pong(_ ping: Int) {
        pthread_mutex_lock(mutex)
        newestPong = max(newestPong ?? ping, ping)
        pthread_cond_signal(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Tells the thread to end.
    ///
    /// May be called from any thread.
    func stop() {
        pthread_mutex_lock(mutex)
        isStopped = true
        pthread_cond_signal(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for the next signal, or until `deadline`.
    ///
    /// An order to stop takes precedence.
    func wait(until deadline: SuspendingClock.Instant) -> Wakeup {
        var end = Self.monotonic(deadline)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if isStopped { return .stop }
            if let pong = newestPong {
                newestPong = nil
                return .pong(pong)
            }
            if pthread_cond_timedwait(changed, mutex, &end) == ETIMEDOUT, !isStopped, newestPong == nil { return .tick }
        }
    }

    /// The instant on the condition variable's clock; a past instant becomes the present one.
    private static func monotonic(_ instant: SuspendingClock.Instant) -> timespec {
        let rest = max(SuspendingClock.now.duration(to: instant), .zero).components
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let nanoseconds = time.tv_nsec + Int(rest.attoseconds / 1_000_000_000)
        time.tv_sec += Int(rest.seconds) + nanoseconds / 1_000_000_000
        time.tv_nsec = nanoseconds % 1_000_000_000
        return time
    }
}
