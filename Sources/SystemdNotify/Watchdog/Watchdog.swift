internal import CSystemd

/// The proof of life that the service manager expects: sd_watchdog_enabled(3).
package enum Watchdog {
    /// The time after which the manager considers a silent service hung (`WatchdogSec=`).
    ///
    /// It comes from `WATCHDOG_USEC`, and counts only if `WATCHDOG_PID` is unset or names this process. The variables
    /// stay in the environment.
    ///
    /// - Returns: `nil` if no proof of life is expected.
    /// - Throws: ``SystemdError/Code/badEnvironment`` if a variable is not a number.
    package static func interval() throws(SystemdError) -> Duration? {
        var microseconds: UInt64 = 0
        let result = sd_watchdog_enabled(0, &microseconds)
        guard result >= 0 else {
            throw SystemdError(.badEnvironment, "WATCHDOG_USEC or WATCHDOG_PID is no number", errorNumber: -result)
        }
        guard result > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }
}
