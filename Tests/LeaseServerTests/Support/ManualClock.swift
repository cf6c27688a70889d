import LeaseCore
import LeaseStore
import Synchronization

/// A clock that stands still until it is moved; its boot clock and its wall clock move together.
///
/// It is decades ahead of the machine's clock, so that no timer of the machine fires at its instants.
final class ManualClock: LeaseClock {
    private let nanoseconds: Atomic<Int64>

    /// Differs from the machine's boot id: no state carries over from the machine's boot.
    let bootIdentity = "manual"

    init(seconds: Int64 = 1_000_000_000) {
        nanoseconds = Atomic(seconds * 1_000_000_000)
    }

    func now() -> Moment {
        let nanoseconds = nanoseconds.load(ordering: .acquiring)
        return Moment(
            boot: BootInstant(nanoseconds: nanoseconds),
            wall: WallInstant(microseconds: 1_700_000_000_000_000 + nanoseconds / 1000)
        )
    }

    func advance(by duration: Duration) {
        nanoseconds.add(duration.wholeNanoseconds, ordering: .acquiringAndReleasing)
    }
}
