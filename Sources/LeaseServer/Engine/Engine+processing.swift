import LeaseCore
import LeaseStore
import LeaseWire
import Logging
import NIOCore

/// From bytes to commands: a session's commands run in order, as many in one turn as its share allows.
extension Engine {
    /// Executes the session's commands until its input or its share ends, or a command has to wait.
    func process(_ session: Session) {
        guard !isGivingOut else { return deferCommands(of: session) }
        // Input after a postponed command is processed after it.
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
                // A command with thousands of keys is as much as many with one; finding an empty frame takes time, too.
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
            // An idle client keeps no buffer.
            session.input = ByteBuffer()
        }
        joinTurn(session)
    }

    /// Runs a command; if it is refused, replies with the error.
    func attempt(_ session: Session, _ command: () throws(LeaseError) -> Void) {
        do throws(LeaseError) {
            try command()
        } catch {
            counters.refused(error.code)
            session.reply(error)
        }
    }

    /// Makes the session continue in the next turn.
    func deferCommands(of session: Session) {
        guard !session.isDeferred else { return }
        session.isDeferred = true
        deferred.append(session)
    }

    /// Continues with the sessions that the last turn has held back.
    func processDeferred() {
        let sessions = deferred
        deferred = []
        // Sessions with too much input left to be read further are read again.
        hasRead = hasRead || !sessions.isEmpty
        // A session continues after its postponed command.
        for session in sessions where session.keptCommand == nil {
            session.isDeferred = false
            process(session)
            if self.sessions[session.id] == nil, session.keptCommand == nil {
                session.isEnding = true
            }
        }
    }

    /// Executes the postponed commands, after the commit and before further reading: what was granted is held.
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
                // After a refused commit, this one is not postponed again.
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
        // Some were postponed again, when another of them freed their lease.
        hasMoreWork = hasMoreWork || !kept.isEmpty
    }

    /// Continues with a session whose command was answered late.
    func resume(_ session: Session) {
        session.isWaiting = false
        // Its socket is read again.
        hasRead = true
        process(session)
    }
}
