import Glibc
import Synchronization
import SystemdNotify

/// Services that hang at a given point.
///
/// Each ends itself with `STATUS=end`, so a test reads everything that was sent before.
enum WatchdogScript {
    /// Answers two pings, holds back the third until two ticks have passed without an answer, answers it, and holds
    /// back the fourth.
    static func starve() {
        let kept = Mutex<(@Sendable () -> Void)?>(nil)
        let pings = Atomic(0)
        let reports = Atomic(0)
        run {
            WatchdogFeeder(interval: $0, commitLimit: .seconds(60)) { pong in
                let number = pings.add(1, ordering: .relaxed).newValue
                if number <= 2 { pong() } else { kept.withLock { $0 = pong } }
            } commitAge: {
                nil
            } report: { _ in
                switch reports.add(1, ordering: .relaxed).newValue {
                case 1: break
                case 2:
                    tell("starved")
                    kept.withLock { $0 }?()
                default: end()
                }
            }
        }
    }

    /// Answers no ping, with a commit under way that is within its limit at the first two ticks and over it at the
    /// third.
    static func slowCommit() {
        let ticks = Atomic(0)
        run {
            WatchdogFeeder(interval: $0, commitLimit: .seconds(60)) { _ in
            } commitAge: {
                // The first tick sends the ping.
                ticks.add(1, ordering: .relaxed).newValue <= 3 ? .seconds(59) : .seconds(60)
            } report: { _ in
                end()
            }
        }
    }

    private static func run(_ makeFeeder: (Duration) -> WatchdogFeeder) {
        guard let interval = try? Watchdog.interval() else { fatalError("WATCHDOG_USEC is not set") }
        let feeder = makeFeeder(interval)
        // The process consists of this one task, and `end()` ends both.
        Task { await feeder.run() }
        while true { pause() }
    }

    private static func tell(_ status: String) {
        do throws(SystemdError) { try ServiceNotifier().status(status) } catch { fatalError("\(error)") }
    }

    private static func end() {
        tell("end")
        exit(0)
    }
}
