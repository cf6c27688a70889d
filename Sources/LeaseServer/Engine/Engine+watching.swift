import LeaseCore
import LeaseWire
import Logging
import NIOCore

/// Watching: who is told what happens to leases.
///
/// What a turn has done is announced after its commit, in the journal's order, and goes out with the turn's replies: a
/// client that watches its own changes reads the turn's replies first. Messages do not wait for their readers. What a
/// subscriber's socket has not taken is counted, and past the limit the subscriber is dropped.
extension Engine {
    func watching(_ command: WatchingCommand, for session: Session) throws(LeaseError) {
        // A connection that closed while its commands were held back must leave nothing behind.
        guard sessions[session.id] != nil else { return }
        defer { backend.isWatched = !subscriptions.isEmpty }
        switch command {
        case .subscribe(let names):
            for name in names {
                try permitWatching(name, by: session.caller)
            }
            let new = subscriptions.new(names, for: session.id)
            try subscriptions.requireRoom(new, to: session, limits: configuration.limits)
            for name in names {
                subscriptions.subscribe(session.id, ofUser: session.caller.uid, to: name)
                confirm(session) { $0.writeSubscribed(.channel, name.bytes, count: $1, to: &$2) }
            }
        case .psubscribe(let globs):
            for glob in globs {
                try permitWatching(glob, by: session.caller)
            }
            let new = subscriptions.new(globs, for: session.id)
            try subscriptions.requireRoom(new, to: session, limits: configuration.limits)
            for glob in globs {
                subscriptions.subscribe(session.id, ofUser: session.caller.uid, to: glob)
                confirm(session) { $0.writeSubscribed(.pattern, glob.bytes, count: $1, to: &$2) }
            }
        case .unsubscribe(let named):
            let names = named.isEmpty ? subscriptions.channels(of: session.id) : named
            for name in names {
                unsubscribe(session, from: name)
            }
            if names.isEmpty {
                confirm(session) { $0.writeUnsubscribed(.channel, nil, count: $1, to: &$2) }
            }
        case .punsubscribe(let named):
            let globs = named.isEmpty ? subscriptions.patterns(of: session.id) : named
            for glob in globs {
                unsubscribe(session, from: glob)
            }
            if globs.isEmpty {
                confirm(session) { $0.writeUnsubscribed(.pattern, nil, count: $1, to: &$2) }
            }
        }
    }

    /// Ends a subscription to a name, and confirms that.
    func unsubscribe(_ session: Session, from name: LeaseName) {
        subscriptions.unsubscribe(session.id, from: name)
        confirm(session) { $0.writeUnsubscribed(.channel, name.bytes, count: $1, to: &$2) }
    }

    /// Ends a subscription to a pattern, and confirms that.
    func unsubscribe(_ session: Session, from glob: Glob) {
        subscriptions.unsubscribe(session.id, from: glob)
        confirm(session) { $0.writeUnsubscribed(.pattern, glob.bytes, count: $1, to: &$2) }
    }

    private func confirm(_ session: Session, _ write: (RESPEncoder, Int, inout ByteBuffer) -> Void) {
        let count = subscriptions.count(of: session.id)
        session.reply { write($0, count, &$1) }
    }

    /// Whether the session has subscriptions in RESP2, where it may send hardly anything else.
    func isConfined(_ session: Session) -> Bool {
        session.encoder.version == .resp2 && subscriptions.count(of: session.id) > 0
    }

    func endSubscriptions(of id: SessionID) {
        subscriptions.unsubscribe(id)
        backend.isWatched = !subscriptions.isEmpty
    }

    // MARK: - Messages

    /// Sends messages about what the turn's commit has made durable.
    func announce() {
        guard !subscriptions.isEmpty else { return }
        let limits = configuration.limits
        var overrun: [SessionID] = []
        for announcement in backend.takeAnnouncements() {
            // Made once, and only if somebody reads it.
            var message: String?
            // A watcher whose socket fails is unsubscribed meanwhile.
            for (id, glob) in subscriptions.watchers(of: announcement.name) {
                guard let session = sessions[id], !session.isEnding else { continue }
                let text = message ?? announcement.message
                message = text
                let size = session.addMessage { encoder, buffer in
                    encoder.writeMessage(text, on: announcement.name, matching: glob, to: &buffer)
                }
                counters.messages += 1
                backlog.add(size, for: id)
                if backlog.isOver(id, limits: limits) {
                    // Only what its socket does not take counts.
                    offer(session)
                }
                if backlog.isOver(id, limits: limits) {
                    session.isEnding = true
                    overrun.append(id)
                }
                enterTurn(session)
            }
        }
        for id in overrun {
            drop(id)
        }
    }

    /// Closes the connection of a subscriber that does not read, and drops what is still to be written.
    private func drop(_ id: SessionID) {
        guard let session = sessions[id] else { return }
        counters.droppedSubscribers += 1
        logger.notice(
            "subscriber dropped: it does not read",
            metadata: [
                "session": "\(id)", "uid": "\(session.peer.uid)", "pid": "\(session.peer.pid)",
                "bytes": "\(backlog.bytes(of: id))", "bytes_of_all": "\(backlog.total)",
            ]
        )
        endSubscriptions(of: id)
        backlog.forget(id)
        session.isClosing = true
        // Any token among them was offered to the socket before.
        _ = session.replies.take()
        session.channel.close(promise: nil)
    }

    /// Writes a session's replies before the end of the turn.
    private func offer(_ session: Session) {
        let bytes = takeReplies(of: session)
        if bytes.readableBytes > 0 { write(bytes, to: session) }
    }

    /// Takes a session's replies.
    ///
    /// Those up to the tokens of waited grants are written at once; if that fails, the grants are lost.
    func takeReplies(of session: Session) -> ByteBuffer {
        var bytes = session.replies.take()
        counters.bytesOut += Int64(bytes.readableBytes)
        guard let (tokens, grants) = session.takeUndelivered(from: &bytes), let written = session.write(tokens) else {
            return bytes
        }
        unheardGrants.add(grants)
        written.whenComplete { result in
            self.assumeIsolated { $0.written(grants, result) }
        }
        return bytes
    }

    /// Writes a session's replies; messages among them are counted until the socket has taken them.
    func write(_ bytes: ByteBuffer, to session: Session) {
        let id = session.id
        var counted = session.takeMessageBytes()
        if counted > 0 {
            backlog.add(MessageBacklog.writeBytes, for: id)
            counted += MessageBacklog.writeBytes
        }
        guard let written = session.write(bytes) else { return backlog.remove(counted, for: id) }
        guard counted > 0 else { return }
        written.whenComplete { [counted] _ in
            self.assumeIsolated { $0.backlog.remove(counted, for: id) }
        }
    }
}
