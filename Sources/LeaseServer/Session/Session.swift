import LeaseCore
import LeaseWire
import NIOCore

/// The number of a connection: unique for the life of the daemon.
struct SessionID: Hashable, Sendable, CustomStringConvertible {
    let rawValue: Int64

    var description: String { String(rawValue) }
}

/// One connection, as the engine knows it.
///
/// It belongs to the engine and is touched from its isolation alone. A command that is answered later holds back those
/// behind it: the session is *waiting*, its bytes stay unparsed, and its socket is read no further.
final class Session {
    let id: SessionID
    let channel: any Channel
    let peer: PeerCredentials
    let caller: Caller
    let connectedAt: Moment

    /// The version of RESP that replies are written in.
    var encoder = RESPEncoder()
    /// What the client calls itself (`CLIENT SETNAME`).
    var name: Label = .empty
    /// What the client library tells of itself (`CLIENT SETINFO`).
    var attributes: [ClientAttribute: Label] = [:]

    /// Bytes that are not parsed yet.
    var input = ByteBuffer()
    var parser: RESPCommandParser
    var replies = ReplyBuffer()

    /// Whether a command is being answered later.
    var isWaiting = false
    /// Whether the client has closed its writing side.
    var isInputClosed = false
    /// Whether the connection is to be closed once what is there has been written.
    var isEnding = false
    /// Whether closing has begun.
    var isClosing = false
    /// Whether commands were left for a later turn.
    var isCut = false
    /// Whether the session goes on in the next turn.
    var isHeld = false
    /// Whether the socket is being read.
    var isReading = true
    /// Whether the session is among those with something to write at the end of the turn.
    var isInTurn = false

    init(
        id: SessionID,
        channel: any Channel,
        peer: PeerCredentials,
        isAdministrator: Bool,
        limits: FrameLimits,
        connectedAt: Moment
    ) {
        self.id = id
        self.channel = channel
        self.peer = peer
        self.connectedAt = connectedAt
        caller = Caller(uid: peer.uid, gid: peer.gid, pid: peer.pid, isAdministrator: isAdministrator)
        parser = RESPCommandParser(limits: limits)
    }

    /// The owner label of a holder that gave none: the peer's command name.
    private(set) lazy var defaultOwner = Label(sanitizing: peer.commandName.utf8)

    /// From this many bytes of replies on, the rest of a session's commands is for a later turn.
    private static let turnBytes = 1 << 20

    /// Whether the turn's replies have become so many that the rest of the commands is for a later turn.
    var hasStopped: Bool { replies.size >= Self.turnBytes }

    /// Whether commands were left for a later turn, and can be answered now.
    var hasMore: Bool {
        isCut && !isWaiting && !isEnding && channel.isWritable
    }

    /// Whether the connection has nothing more to say: it was ended, or the client has closed its side and everything
    /// that it sent is answered.
    var isOver: Bool {
        isEnding || (isInputClosed && !isWaiting && !isCut && !isHeld)
    }

    /// Whether the socket is to be read on: a client that takes no replies, or waits for one, is not read.
    var isReadable: Bool {
        !isWaiting && !isEnding && !isInputClosed && channel.isWritable
    }

    // MARK: - Replies

    func reply(_ write: (RESPEncoder, inout ByteBuffer) -> Void) {
        replies.add { write(encoder, &$0) }
    }

    func replyOnCommit(_ write: (RESPEncoder, inout ByteBuffer) -> Void) {
        replies.addOnCommit { write(encoder, &$0) }
    }

    func reply(_ error: LeaseError) {
        reply { $0.writeError(error, to: &$1) }
    }
}
