import CLinux
import Glibc
import LeaseCore
import LeaseServer
import Logging
import SystemdNotify

/// What the service manager gave the daemon at its start, and the settings that do not fit it.
///
/// No mismatch prevents a start or a reload: the daemon serves and logs a warning.
struct Surroundings: Sendable {
    let listener: UnixListener
    let logger: Logger

    /// Descriptors apart from those of connections: the store's, the copies of ties, the daemon's own.
    private static let ownDescriptors = 1000

    /// Logs the settings in `configuration` that have no effect or do not fit.
    func check(_ configuration: ServerConfiguration) {
        let settings = listener.settingsWithoutEffect(in: configuration)
        if !settings.isEmpty {
            logger.warning(
                "settings without effect: the service manager has made the socket",
                metadata: ["settings": "\(settings.joined(separator: ", "))"]
            )
        }
        let needed = configuration.limits.connections + Self.ownDescriptors
        let limit = Self.raiseDescriptorLimit(to: needed)
        if limit < needed {
            logger.warning(
                "limits.connections does not fit the limit on open files: clients over it get no answer",
                metadata: ["needed": "\(needed)", "limit": "\(limit)"]
            )
        }
        if let interval = try? Watchdog.interval(), configuration.commitTimeout > interval / 2 {
            logger.warning(
                "commit-timeout does not fit the watchdog, which ends the daemon before",
                metadata: [
                    "commit_timeout_ms": "\(configuration.commitTimeout.wholeMilliseconds)",
                    "watchdog_ms": "\(interval.wholeMilliseconds)",
                ]
            )
        }
    }

    /// Raises the soft limit on open files as far as needed and as the hard limit allows (getrlimit(2)); returns the
    /// resulting limit.
    ///
    /// The default soft limit is low for the sake of programs that use select(2), which this one does not.
    private static func raiseDescriptorLimit(to needed: Int) -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limits = rlimit()
        guard getrlimit(resource, &limits) == 0 else { return .max }
        if limits.rlim_cur < rlim_t(needed), limits.rlim_cur < limits.rlim_max {
            var raised = limits
            raised.rlim_cur = min(rlim_t(needed), limits.rlim_max)
            if setrlimit(resource, &raised) == 0 { limits = raised }
        }
        return Int(clamping: limits.rlim_cur)
    }
}
