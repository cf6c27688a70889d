import CLinux
import Glibc
import LeaseCore
import LeaseWire
import NIOCore
import NIOPosix

/// The number of a connection: unique for the life of the daemon.
struct SessionID: Hashable, Sendable, CustomStringConvertible {
    let rawValue: Int64

    var description: String { String(rawValue) }
}

/// How far a connection has become a tie.
///
///     none ── TIE ─▶ asked ── commit ─▶ storing ── stored, and so answered ─▶ tied
///       ◀── refused ──┘ └─────── commit, with nowhere to store it ────────────▲
enum TieStage: Hashable {
    /// It is none.
    case none
    /// It becomes one with the turn's commit.
    case asked
    /// It is one, and is being stored where a restart of the daemon does not lose it; then it is answered, and perhaps
    /// ends: another tie has taken its place, or its tenure is over.
    case storing(endsThen: Bool)
    /// It is one, and means nothing but itself.
    case tied
}

/// One connection, as the engine knows it.
///
/// It belongs to the engine and is touched from its isolation alone. A command that is answered later holds back those
/// behind it: the session is *waiting*, its bytes stay unparsed, and its socket is read no further.
final class Session {
    let id: SessionID
    let channel: any Channel
    let peer: PeerCredentials
    /// Who sends, with the rights of the configuration in force.
    var caller: Caller
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

    /// Bytes of messages among the replies.
    private var messageBytes = 0
    /// The channel's socket, for as long as the channel is active.
    private let descriptor: Int32?
    /// How many writes the channel has not come to the end of.
    private var writesUnderWay = 0

    /// Whether its commands are being done right now.
    var isProcessing = false
    /// Whether a command is being answered later.
    var isWaiting = false
    /// A command that is done behind the turn's commit, before whatever comes behind it.
    var keptCommand: Command?
    /// The place in a lease's line that the session waits at, if it does.
    var wait: WaiterID?
    /// How far the connection has become a tie.
    var tie = TieStage.none
    /// The tie's name in the descriptor store, if it is there.
    var storedTie: String?
    /// The waited grants whose tokens are among the replies that are to be written.
    private(set) var undelivered: [(name: LeaseName, fence: Token)] = []
    /// Up to where these replies are the last of the tokens and what comes before it.
    private var undeliveredEnd = 0
    /// Whether the client has closed its writing side.
    var isInputClosed = false
    /// Whether the connection is to be closed once what is there has been written.
    var isEnding = false
    /// Whether closing has begun.
    var isClosing = false
    /// Whether commands were left for a later turn.
    var isCut = false
    /// Whether the session goes on in the next turn.
    var isDeferred = false
    /// Whether the socket is being read.
    var isReading = true
    /// Whether the session is among those with something to write at the end of the turn.
    var isInTurn = false
    /// The last turn in which it has sent something.
    var lastTurn: Gathering.Turn = 0

    init(
        id: SessionID,
        channel: any Channel,
        peer: PeerCredentials,
        caller: Caller,
        limits: FrameLimits,
        connectedAt: Moment
    ) {
        self.id = id
        self.channel = channel
        self.peer = peer
        self.connectedAt = connectedAt
        self.caller = caller
        parser = RESPCommandParser(limits: limits)
        descriptor = Self.withDescriptor(of: channel) { $0 }
    }

    /// The owner label of a holder that gave none: the peer's command name.
    private(set) lazy var defaultOwner = Label(sanitizing: peer.commandName.utf8)

    /// How many commands it has done in the turn; long ones count for several.
    var turnCommands = 0
    /// What it may do in the turn.
    var share = TurnLoad.wholeShare

    /// Whether the session has had its share of the turn, so that the rest of its commands is for a later one.
    var hasStopped: Bool { turnCommands >= share.commands || replies.size >= share.replyBytes }

    /// A session that is cut is read on as long as there is less than this to be done.
    private static let readAhead = 64 << 10

    /// Whether the client reads what it is sent: a channel that has nothing to write is not asked.
    private var isWritable: Bool { descriptor != nil && writesUnderWay == 0 || channel.isWritable }

    /// Whether commands were left for a later turn, and can be answered now.
    var hasMore: Bool {
        isCut && !isWaiting && !isEnding && isWritable
    }

    /// Whether the connection is a tie: nothing that comes by it means anything.
    var isTie: Bool {
        switch tie {
        case .none, .asked: false
        case .storing, .tied: true
        }
    }

    /// Whether the connection has nothing more to say: it was ended, or the client has closed its side and everything
    /// that it sent is answered.
    var isOver: Bool {
        isEnding || (isInputClosed && !isWaiting && !isCut && !isDeferred && !isTie)
    }

    /// Whether the socket is to be read on: a client that takes no replies, or waits for one, is not read, and neither
    /// is one that sends faster than its share of the turns is.
    var isReadable: Bool {
        !isWaiting && !isEnding && !isInputClosed && keptCommand == nil && isWritable
            && (!isCut || input.readableBytes < Self.readAhead)
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

    /// Replies the token of a waited grant, which is lost if that cannot be written.
    func reply(waitedGrant name: LeaseName, fence: Token) {
        reply { $0.writeInteger(fence.rawValue, to: &$1) }
        undelivered.append((name, fence))
        undeliveredEnd = replies.size
    }

    /// Takes the waited grants that are undelivered off, and the replies up to their tokens out of `bytes`, which are
    /// all the replies; `nil` if there are none.
    ///
    /// What is behind the tokens is written by itself: its writing may fail when the tokens have been read.
    func takeUndelivered(
        from bytes: inout ByteBuffer
    ) -> (bytes: ByteBuffer, grants: [(name: LeaseName, fence: Token)])? {
        guard !undelivered.isEmpty else { return nil }
        defer { undelivered = [] }
        guard let tokens = bytes.readSlice(length: undeliveredEnd) else {
            preconditionFailure("the replies end before a token that is among them")
        }
        return (tokens, undelivered)
    }

    // MARK: - Reading

    /// How many bytes are read at once at the most.
    static let readSize = 4 << 10

    /// Reads what the client has sent by now, by recv(2) and past the channel, in place of what `buffer` holds.
    ///
    /// Whoever has the buffer's last bytes keeps them. What is over ``readSize`` stays in the socket. That the client
    /// sends no more, or is gone, is left to the channel to find.
    ///
    /// Returns whether there was something.
    func read(into buffer: inout ByteBuffer) -> Bool {
        guard let descriptor, channel.isActive else { return false }
        buffer.clear(minimumCapacity: Self.readSize)
        let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.readSize) {
            max(recv(descriptor, $0.baseAddress, Self.readSize, 0), 0)
        }
        return count > 0
    }

    /// What a client has closed of its end of the connection.
    enum ClosedSides {
        case none
        /// It sends no more, and reads on.
        case writing
        case both
    }

    /// What the client has closed, as the socket tells now: the loop may be yet to see it (poll(2), unix(7)).
    var closedSides: ClosedSides {
        // Once the channel is no more active the loop has seen it.
        guard let descriptor, channel.isActive else { return .none }
        return switch clinux_hang_up(descriptor) {
        case CLINUX_CLOSED: .both
        case CLINUX_WRITING_CLOSED: .writing
        default: .none
        }
    }

    /// Whether what hangs on the connection is lost, as the socket tells now.
    ///
    /// It is if the client has closed its end, or the writing side of it, and has sent no command that is still to be
    /// done. The writing side of a tie means nothing.
    var hasHungUp: Bool {
        let closed = closedSides
        guard closed != .none, let descriptor else { return false }
        // What comes behind a command that is answered later, or was cut, goes with the connection.
        if isTie || closed == .both && (isWaiting || isCut) { return closed == .both }
        guard !isWaiting, !isCut, !isDeferred else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) <= 0
    }

    // MARK: - Writing

    /// Writes bytes behind all that was written before.
    ///
    /// The socket, which does not block, is given them by send(2), and takes them as long as the client reads. What it
    /// does not take is left to the channel, and so is all that comes behind it, until that is written; an error, too, is
    /// the channel's to find.
    ///
    /// Returns `nil` if the socket has taken all of it, otherwise what becomes of the rest.
    func write(_ bytes: ByteBuffer) -> EventLoopFuture<Void>? {
        var rest = bytes
        if writesUnderWay == 0, let descriptor, channel.isActive, rest.readableBytes > 0 {
            let count = rest.withUnsafeReadableBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            rest.moveReaderIndex(forwardBy: max(count, 0))
            guard rest.readableBytes > 0 else { return nil }
        }
        writesUnderWay += 1
        let written = channel.writeAndFlush(rest)
        written.assumeIsolated().whenComplete { _ in self.writesUnderWay -= 1 }
        return written
    }

    /// How much the client has yet to read of what the socket has not all taken, or `nil` if it has.
    ///
    /// It becomes less as the client reads: what is in the socket counts, too, which takes more only when most of that
    /// is gone.
    var unreadBytes: Int? {
        let unwritten = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        guard unwritten > 0 else { return nil }
        return unwritten + (descriptor.map { Int(clinux_unread_bytes($0)) } ?? 0)
    }

    private static func withDescriptor<Value>(of channel: any Channel, _ body: (Int32) -> Value) -> Value? {
        // Channels that have no socket are those of tests.
        try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self, body)
    }

    /// Another descriptor of the connection's socket, close-on-exec; the caller closes it.
    ///
    /// Returns `nil` if there is none to be had.
    func duplicateDescriptor() -> Int32? {
        let descriptor = Self.withDescriptor(of: channel) { fcntl($0, F_DUPFD_CLOEXEC, 3) }
        guard let descriptor, descriptor >= 0 else { return nil }
        return descriptor
    }

    // MARK: - Messages

    /// Adds a message behind the replies that are there, and tells its bytes.
    func addMessage(_ write: (RESPEncoder, inout ByteBuffer) -> Void) -> Int {
        let size = replies.size
        reply(write)
        messageBytes += replies.size - size
        return replies.size - size
    }

    /// Takes how many bytes of messages are among the replies that are being written now.
    func takeMessageBytes() -> Int {
        defer { messageBytes = 0 }
        return messageBytes
    }
}
