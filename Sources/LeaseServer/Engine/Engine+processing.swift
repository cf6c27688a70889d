import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// From bytes to commands: those of a session are done in their order, in one turn as many as its share of it allows.
extension Engine {
    /// Does what the session's bytes say, until they end, or a command has to wait.
    func process(_ session: Session) {
        guard !isGivingOut else { return deferCommands(of: session) }
        // What comes behind a command that is kept is done behind it.
        guard session.keptCommand == nil else { return }
        session.isProcessing = true
        defer { session.isProcessing = false }
        let limits = configuration.limits.values
        let now = clock.now()
        session.share = load.share(patternBytes: subscriptions.patternBytes)
        let before = (commands: session.turnCommands, replyBytes: session.replies.size)
        do throws(ProtocolError) {
            while !session.isWaiting, !session.isEnding, !session.hasStopped, session.keptCommand == nil,
                let frame = try session.parser.next(from: &session.input)
            {
                // One that names thousands of keys is as much as many that name one, and to find an empty one takes
                // time, too.
                session.turnCommands += 1 + frame.arguments.count / TurnLoad.argumentsOfACommand
                guard !frame.isEmpty else { continue }
                counters.commands += 1
                attempt(session) { () throws(LeaseError) in
                    if isConfined(session), let refusal = Command.refusalToSubscriber(of: frame) { throw refusal }
                    try execute(Command.parse(frame, limits: limits), for: session, now: now)
                }
            }
        } catch {
            counters.protocolErrors += 1
            logger.info(
                "protocol error",
                metadata: [
                    "session": "\(session.id)", "uid": "\(session.peer.uid)", "pid": "\(session.peer.pid)",
                    "error": "\(error.text)",
                ]
            )
            session.reply { $0.writeError(error, to: &$1) }
            session.isEnding = true
        }
        session.isCut = session.hasStopped
        load.add(
            commands: session.turnCommands - before.commands,
            replyBytes: session.replies.size - before.replyBytes
        )
        if session.input.readableBytes == 0 {
            // A client that is silent now keeps no memory for what it said.
            session.input = ByteBuffer()
        }
        joinTurn(session)
    }

    /// Replies what a command is refused with.
    func attempt(_ session: Session, _ command: () throws(LeaseError) -> Void) {
        do throws(LeaseError) {
            try command()
        } catch {
            counters.refused(error.code)
            session.reply(error)
        }
    }

    /// Has the session go on in the next turn.
    func deferCommands(of session: Session) {
        guard !session.isDeferred else { return }
        session.isDeferred = true
        deferred.append(session)
    }

    /// Goes on with the sessions that the last turn has held back.
    func processDeferred() {
        let sessions = deferred
        deferred = []
        // Those who had so much to be done that they were read no further are read again.
        hasRead = hasRead || !sessions.isEmpty
        // One whose command is kept goes on behind that.
        for session in sessions where session.keptCommand == nil {
            session.isDeferred = false
            process(session)
            if self.sessions[session.id] == nil, session.keptCommand == nil {
                session.isEnding = true
            }
        }
    }

    /// Does the commands that were kept, behind the turn's commit and before anything else is read: what was granted is
    /// held.
    func processKept() {
        guard !kept.isEmpty else { return }
        let sessions = kept
        kept = []
        // Their sockets are read again.
        hasRead = true
        let now = clock.now()
        let wasRefused = isRefused
        for session in sessions {
            guard let command = session.keptCommand else { continue }
            session.isDeferred = false
            session.keptCommand = nil
            if !session.isEnding {
                session.isProcessing = true
                // It alone is not kept again.
                isRefused = wasRefused
                let before = session.turnCommands
                attempt(session) { () throws(LeaseError) in try execute(command, for: session, now: now) }
                load.add(commands: 1 + session.turnCommands - before, replyBytes: 0)
                isRefused = false
                session.isProcessing = false
                joinTurn(session)
            }
            process(session)
            if self.sessions[session.id] == nil, session.keptCommand == nil {
                session.isEnding = true
            }
        }
        // One whose lease another of them has just set free.
        hasMoreWork = hasMoreWork || !kept.isEmpty
    }

    /// Goes on with a session whose command has been answered late.
    func resume(_ session: Session) {
        session.isWaiting = false
        // Its socket is read again.
        hasRead = true
        process(session)
    }
}
