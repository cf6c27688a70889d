import LeaseStore
import NIOCore

/// The end: a stop answers what was received, and waits for clients as long as they read. After a failed sync nobody is
/// answered.
extension Engine {
    /// Answers what was received, reads no more, and closes every connection.
    ///
    /// That includes what the sockets hold when the stop comes; a client that goes on sending is cut off after a while.
    ///
    /// - Throws: ``StoreError`` if a sync has failed, before or meanwhile: the process must end without another word.
    func drain() async throws(StoreError) {
        if state == .running {
            state = .lastLook(turns: Self.lastLooks)
            // Whether the sockets hold something is not known until the loop has looked.
            hasRead = true
            await withCheckedContinuation { continuation in
                drained = { continuation.resume() }
                scheduleTurn()
            }
        }
        if let failure { throw failure }
    }

    /// How many turns a stop goes on reading at most.
    private static let lastLooks = 64

    /// Reads on as long as the sockets have something, then no more: what came before the stop is answered.
    func lookOnceMore(turns: Int) {
        guard hasRead || !deferred.isEmpty || listings.readsUnderWay > 0 || !listings.isEmpty, turns > 0 else {
            state = .draining
            for session in sessions.values {
                session.isInputClosed = true
                if session.tie == .tied || session.wait != nil {
                    // A line does not outlive the daemon: its waiters see their connection close.
                    session.isEnding = true
                }
                if let id = session.wait {
                    waiting.leave(id)
                    session.wait = nil
                }
                joinTurn(session)
            }
            dropWhoDoesNotRead()
            return scheduleTurn()
        }
        // A client that waits for a list continues after it, which leads to another look.
        guard hasRead || !deferred.isEmpty else { return }
        hasRead = false
        state = .lastLook(turns: turns - 1)
        wakeUp?.call()
    }

    /// Closes every connection at once and drops what is still to be written.
    func dropConnections() {
        for session in sessions.values {
            session.channel.close(promise: nil)
        }
    }

    /// Closes the store.
    ///
    /// - Throws: ``StoreError`` if that fails; what was answered is durable nevertheless.
    func close() throws(StoreError) {
        stopTimers()
        guard state != .failed else { return }
        state = .closed
        try backend.close()
    }

    private func stopTimers() {
        timer?.stop()
        wakeUp?.stop()
        // Their descriptors may soon belong to something else.
        timer = nil
        wakeUp = nil
    }

    /// Ends the daemon without a word to anybody: nobody knows what the disk holds.
    func fail(_ failure: StoreError) {
        state = .failed
        self.failure = failure
        turn = []
        stopTimers()
        dropConnections()
        backend.abandon()
        failed(failure)
        drained?()
        drained = nil
    }

    /// Drops the clients that have read nothing since the last look, and schedules the next look.
    ///
    /// - Parameter before: What each client had yet to read at the last look, in bytes.
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

    /// Once the daemon stops, how long a client may read nothing of what it is sent.
    private static let readingPause = TimeAmount.seconds(2)
}
