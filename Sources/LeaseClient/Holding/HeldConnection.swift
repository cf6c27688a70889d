internal import NIOCore

/// A connection that a tenure hangs on: nothing more is sent on it, and its end is reported.
///
/// It is closed when it is dropped.
final class HeldConnection: Sendable {
    let channel: any Channel
    let ending = Latch()

    init(_ channel: any Channel) {
        self.channel = channel
        channel.closeFuture.whenComplete { [ending] _ in ending.open() }
    }

    deinit {
        channel.close(promise: nil)
    }

    func close() {
        channel.close(promise: nil)
    }
}
