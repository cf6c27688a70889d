internal import CSystemd
internal import Glibc

/// Reports this service's state to the service manager: sd_notify(3).
///
/// Every call returns whether there was a notify socket, so that a daemon started by hand needs no other code.
/// `NOTIFY_SOCKET` is read at each call and stays in the environment, because more messages follow; nothing may change
/// the environment in the meantime. A call may wait while the manager's queue is full.
///
/// ```swift
/// let notifier = ServiceNotifier()
/// try notifier.ready(status: "listening on /run/leased/leased.sock")
/// ```
package struct ServiceNotifier: Hashable, Sendable {
    /// Creates a notifier, which has no state.
    package init() {}

    /// Whether a service manager listens: `NOTIFY_SOCKET` is set.
    package var isEnabled: Bool {
        guard let path = getenv("NOTIFY_SOCKET") else { return false }
        return path.pointee != 0
    }

    /// Reports that the start or a reload is complete (`READY=1`), with a status line if given.
    ///
    /// - Returns: `false` if there is no notify socket.
    /// - Throws: ``SystemdError/Code/notDelivered``; the manager was told nothing.
    @discardableResult
    package func ready(status: String? = nil) throws(SystemdError) -> Bool {
        try send("READY=1" + (status.map { "\nSTATUS=\(Self.oneLine($0))" } ?? ""))
    }

    /// Sets the line that `systemctl status` shows.
    ///
    /// Control characters become blanks, so that it stays one line.
    ///
    /// - Returns: `false` if there is no notify socket.
    /// - Throws: ``SystemdError/Code/notDelivered``; the manager was told nothing.
    @discardableResult
    package func status(_ text: String) throws(SystemdError) -> Bool {
        try send("STATUS=\(Self.oneLine(text))")
    }

    /// Reports that the service begins to stop (`STOPPING=1`).
    ///
    /// - Returns: `false` if there is no notify socket.
    /// - Throws: ``SystemdError/Code/notDelivered``; the manager was told nothing.
    @discardableResult
    package func stopping() throws(SystemdError) -> Bool {
        try send("STOPPING=1")
    }

    /// Reports that a reload begins (`RELOADING=1`, with the time that `Type=notify-reload` needs); ``ready(status:)``
    /// ends it.
    ///
    /// - Returns: `false` if there is no notify socket.
    /// - Throws: ``SystemdError/Code/notDelivered``; the manager was told nothing.
    @discardableResult
    package func reloading() throws(SystemdError) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return try send("RELOADING=1\nMONOTONIC_USEC=\(Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)")
    }

    /// Reports that the service is alive (`WATCHDOG=1`).
    ///
    /// Send it only on proof of life, as ``WatchdogFeeder`` does.
    ///
    /// - Returns: `false` if there is no notify socket.
    /// - Throws: ``SystemdError/Code/notDelivered``; the manager was told nothing.
    @discardableResult
    package func watchdog() throws(SystemdError) -> Bool {
        try send("WATCHDOG=1")
    }

    func send(_ state: String) throws(SystemdError) -> Bool {
        try Self.told(state, sd_notify(0, state))
    }

    /// The result of a call of the sd_notify(3) family.
    static func told(_ state: String, _ result: Int32) throws(SystemdError) -> Bool {
        guard result >= 0 else {
            let firstLine = state.prefix { $0 != "\n" }
            throw SystemdError(
                .notDelivered,
                "'\(firstLine)' could not be sent to the service manager",
                errorNumber: -result
            )
        }
        return result > 0
    }

    /// A line feed would begin another assignment.
    private static func oneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 })
        )
    }
}
