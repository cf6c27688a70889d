import Glibc
import LeaseStore
package import Logging
import ServiceLifecycle
import SystemdNotify

/// Hands ties to the service manager's descriptor store, so that a restart of the daemon loses none.
///
/// The manager is told in order, on a separate thread, since telling it may block. A tie is answered only once it is
/// stored, or cannot be, which is logged: a client that has its `OK` keeps its tenure across a restart, unless the log
/// says otherwise.
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

    /// The store of the service manager, or `nil` if no manager listens.
    package init?(logger: Logger) {
        guard ServiceNotifier().isEnabled else { return nil }
        self.logger = logger
        // Bounded by the limit on ties, which also applies to those being stored.
        (steps, next) = AsyncStream.makeStream(of: Step.self)
    }

    /// The thread that waits for the manager.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Stores a tie; `done` is called when the manager has it, or could not be told.
    nonisolated func keep(_ name: TieName, descriptor: Int32, done: @escaping @Sendable () -> Void) {
        next.yield(.keep(name, descriptor: descriptor, done: done))
    }

    /// Removes a tie from the store.
    nonisolated func remove(_ name: String) {
        next.yield(.remove(name))
    }

    /// Tells the manager until a graceful shutdown, and then what was requested before that.
    ///
    /// Later requests are dropped, and their `done` is not called. It throws nothing: what the manager does not take is
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
            // The tie continues, but a restart of the daemon loses it: its tenure then ends by time.
            logger.warning("the descriptor store cannot be told", metadata: ["error": "\(error)"])
        }
    }
}
