internal import Glibc

/// Feeds the service manager's watchdog from a separate thread, on proof of life.
///
/// At each half of the manager's interval it sends a ping through what the caller supplies. It sends `WATCHDOG=1` only
/// when the ping has come back; ``WatchdogState`` holds the rule and its one exception, a slow commit. The thread
/// belongs to neither the event loop nor the concurrency runtime, so that a hang of either is detected. Between its
/// ticks it wakes only for a pong.
///
/// ```swift
/// if let interval = try Watchdog.interval() {
///     let feeder = WatchdogFeeder(interval: interval, commitLimit: .seconds(60)) { pong in
///         eventLoop.execute { engine.ping(then: pong) }
///     } commitAge: {
///         commitClock.age
///     } report: { report in
///         logger.error("\(report)")
///     }
///     await feeder.run()
/// }
/// ```
package struct WatchdogFeeder: Sendable {
    /// A problem at a tick.
    ///
    /// The feeder continues.
    package enum Report: Hashable, Sendable, CustomStringConvertible {
        /// The ping has been unanswered for this time, so the manager was not told that the service is alive.
        case starving(Duration)
        /// The manager could not be told.
        case notDelivered(SystemdError)

        /// A sentence for the log.
        package var description: String {
            switch self {
            case .starving(let waiting): "the watchdog is not fed: no answer for \(waiting)"
            case .notDelivered(let error): error.message
            }
        }
    }

    private let interval: Duration
    private let commitLimit: Duration
    private let ping: @Sendable (@escaping @Sendable () -> Void) -> Void
    private let commitAge: @Sendable () -> Duration?
    private let report: @Sendable (Report) -> Void
    private let notifier = ServiceNotifier()

    /// Creates a feeder.
    ///
    /// The three closures are called on the feeder's thread, and must not block.
    ///
    /// - Parameters:
    ///   - interval: the manager's interval, from ``Watchdog/interval()``; the feeder ticks at half of it.
    ///   - commitLimit: how long a commit may take and still count as life.
    ///   - ping: sends a ping; calls its argument, from any thread, once the ping has gone all the way.
    ///   - commitAge: how long the present commit has lasted; `nil` if there is none.
    ///   - report: receives problems.
    package init(
        interval: Duration,
        commitLimit: Duration,
        ping: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        commitAge: @escaping @Sendable () -> Duration?,
        report: @escaping @Sendable (Report) -> Void
    ) {
        self.interval = interval
        self.commitLimit = commitLimit
        self.ping = ping
        self.commitAge = commitAge
        self.report = report
    }

    /// Feeds until the task is cancelled, then ends at once; the thread has ended by then.
    package func run() async {
        let signals = WatchdogSignals()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                DetachedThread.start {
                    feed(until: signals)
                    continuation.resume()
                }
            }
        } onCancel: {
            signals.stop()
        }
    }

    /// The thread's body.
    private func feed(until signals: WatchdogSignals) {
        var state = WatchdogState(commitLimit: commitLimit)
        var nextTick = SuspendingClock.now
        while true {
            switch signals.wait(until: nextTick) {
            case .stop:
                return
            case .pong(let number):
                if let action = state.pong(number) { perform(action, signals) }
            case .tick:
                let now = SuspendingClock.now
                nextTick = now.advanced(by: interval / 2)
                perform(state.tick(now: now, commitAge: commitAge()), signals)
            }
        }
    }

    private func perform(_ action: WatchdogState.Action, _ signals: WatchdogSignals) {
        switch action {
        case .ask(let number):
            ping { signals.pong(number) }
        case .feed:
            do throws(SystemdError) {
                try notifier.watchdog()
            } catch {
                report(.notDelivered(error))
            }
        case .starve(let waiting):
            report(.starving(waiting))
        }
    }
}
