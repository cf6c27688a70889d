import Glibc
import LeaseCore

/// The clock of deadlines, CLOCK_BOOTTIME.
enum BootClock {
    static func now() -> BootInstant {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return BootInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
