package import LeaseCore
import Synchronization

/// When the current COMMIT began: one atomic number, written by the ledger and read by a watchdog's thread.
package final class CommitClock: Sendable {
    private let nanoseconds = Atomic<Int64>(0)

    init() {}

    /// When the current COMMIT began, or `nil` if there is none.
    package var began: BootInstant? {
        let value = nanoseconds.load(ordering: .acquiring)
        return value == 0 ? nil : BootInstant(nanoseconds: value)
    }

    func start(at now: BootInstant) {
        // Zero means none; the first nanosecond of a boot is not missed.
        nanoseconds.store(max(now.nanoseconds, 1), ordering: .releasing)
    }

    func stop() {
        nanoseconds.store(0, ordering: .releasing)
    }
}
