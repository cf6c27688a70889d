import NIOCore

/// A stop, as far as clients hold it up: what was received is answered, and waited for as long as it is read.
extension Engine {
    /// Drops the clients that have read nothing of what they are sent since the last look, and looks again.
    ///
    /// - Parameter before: What each had yet to read then, in bytes.
    func dropWhoDoesNotRead(_ before: [SessionID: Int] = [:]) {
        guard state == .draining, !sessions.isEmpty else { return }
        var unread: [SessionID: Int] = [:]
        for session in sessions.values {
            guard let bytes = session.unreadBytes else { continue }
            if before[session.id] == bytes {
                session.channel.close(promise: nil)
            } else {
                unread[session.id] = bytes
            }
        }
        eventLoop.scheduleTask(in: Self.readingPause) { [unread] in
            self.assumeIsolated { $0.dropWhoDoesNotRead(unread) }
        }
    }

    /// How long a client may read nothing of what it is sent once the daemon stops.
    private static let readingPause = TimeAmount.seconds(2)
}
