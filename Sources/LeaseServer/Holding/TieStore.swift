import Glibc
import LeaseStore
package import Logging
import ServiceLifecycle
import SystemdNotify

/// Hands ties to the service manager's descriptor store, so that a restart of the daemon loses none.
///
/// The manager is told in order, on a thread that nobody else needs, since telling it may wait. A tie is answered only when it is
/// stored, or cannot be, which is logged: whoever has its `OK` keeps its tenure over a restart, unless the log says otherwise.
package actor TieStore: Service {
    private let executor = SerialQueueExecutor(label: "leased.ties")
    enum Step: Sendable {
        /// The descriptor belongs to the store from now on.
        case keep(TieName, descriptor: Int32, done: @Sendable () -> Void)
        case remove(String)
    }

    private let steps: AsyncStream<Step>
    private let next: AsyncStream<Step>.Continuation
    private let logger: Logger

    /// The store of the service manager, or `nil` if none listens.
    package init?(logger: Logger) {
        guard ServiceNotifier().isEnabled else { return nil }
        self.logger = logger
        // Bounded by the limit on ties, for those that are being stored too.
        (steps, next) = AsyncStream.makeStream(of: Step.self)
    }

    /// The thread that waits for the manager.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Has a tie kept; `done` is called when the manager has it, or could not be told.
    nonisolated func keep(_ name: TieName, descriptor: Int32, done: @escaping @Sendable () -> Void) {
        next.yield(.keep(name, descriptor: descriptor, done: done))
    }

    /// Has a tie forgotten.
    nonisolated func remove(_ name: String) {
        next.yield(.remove(name))
    }

    /// Tells the manager until a graceful shutdown, and then what has been asked for by then.
    ///
    /// What is asked for later is dropped, and `done` not called. It throws nothing: what the manager does not take is
    /// logged.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            for await step in self.steps {
                await self.perform(step)
            }
        }
    }

    private func perform(_ step: Step) {
        do {
            switch step {
            case .keep(let name, let descriptor, let done):
                defer {
                    close(descriptor)
                    done()
                }
                try ServiceNotifier().store(descriptor, as: DescriptorName(name.text), isDroppedAtHangUp: false)
            case .remove(let name):
                try ServiceNotifier().removeStored(DescriptorName(name))
            }
        } catch {
            // The tie goes on; a restart of the daemon would lose it, and its tenure would then end by time.
            logger.warning("the descriptor store cannot be told", metadata: ["error": "\(error)"])
        }
    }
}
