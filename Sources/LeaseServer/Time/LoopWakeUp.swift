import CLinux
import Glibc
import NIOCore
import NIOPosix

/// Has the event loop come back at once, and look at every socket on the way: an eventfd(2) that it reads.
///
/// A task that the loop is given while it runs another is run before it looks at any socket, and a timer that fires at
/// once costs the kernel several times as much as this.
final class LoopWakeUp {
    private let descriptor: Int32
    private let channel: any Channel

    /// Makes the wake-up; `woken` is called on the event loop.
    static func start(
        on eventLoop: any EventLoop,
        woken: @escaping @Sendable () -> Void
    ) async throws -> sending LoopWakeUp {
        let descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "eventfd") }
        let channel = try await ReadySignal.channel(reading: descriptor, on: eventLoop, ready: woken)
        return LoopWakeUp(descriptor: descriptor, channel: channel)
    }

    private init(descriptor: Int32, channel: any Channel) {
        self.descriptor = descriptor
        self.channel = channel
    }

    /// Has `woken` called in the loop's next round; several calls before that come to one.
    func call() {
        // The count is far from its end, the only thing that could make this fail.
        eventfd_write(descriptor, 1)
    }

    /// Ends the wake-up.
    func stop() {
        channel.close(promise: nil)
    }
}
