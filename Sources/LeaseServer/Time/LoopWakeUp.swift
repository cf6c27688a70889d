import CLinux
import Glibc
import NIOCore
import NIOPosix

/// Makes the event loop come back at once, and look at every socket on the way: an eventfd(2) that the loop reads.
///
/// A task that the loop is given while it runs another one is run before it looks at any socket, and a timer that fires
/// at once costs the kernel several times as much.
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

    /// Makes the loop call `woken` in its next round; several calls before that count as one.
    func call() {
        // Only an overflow of the counter could make this fail, and it is far from that.
        eventfd_write(descriptor, 1)
    }

    func stop() {
        channel.close(promise: nil)
    }
}
