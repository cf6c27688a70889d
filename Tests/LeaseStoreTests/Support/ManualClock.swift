import LeaseCore
import LeaseStore
import Synchronization

/// A clock that stands still until a test moves it.
final class ManualClock: LeaseClock {
    private struct State {
        var now = Moment(
            boot: BootInstant(nanoseconds: 1_000_000_000_000),
            wall: WallInstant(microseconds: 1_700_000_000_000_000)
        )
        var bootIdentity = "boot 1"
    }

    private let state = Mutex(State())

    init() {}

    /// A clock whose wall clock shows `wall`.
    init(wall: WallInstant) {
        state.withLock { $0.now = Moment(boot: $0.now.boot, wall: wall) }
    }

    func now() -> Moment { state.withLock { $0.now } }

    var bootIdentity: String { state.withLock { $0.bootIdentity } }

    /// Moves both clocks.
    func advance(by duration: Duration) {
        state.withLock { $0.now = $0.now.advanced(by: duration) }
    }

    /// Steps the wall clock alone.
    func stepWall(by duration: Duration) {
        state.withLock { $0.now = Moment(boot: $0.now.boot, wall: $0.now.wall.advanced(by: duration)) }
    }

    /// Begins another boot, whose clock starts near zero; the wall clock continues.
    func reboot(as identity: String = "boot 2") {
        state.withLock {
            $0.now = Moment(boot: BootInstant(nanoseconds: 5_000_000_000), wall: $0.now.wall)
            $0.bootIdentity = identity
        }
    }
}
