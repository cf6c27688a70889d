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
    /// It is not a tie.
    case none
    /// It becomes a tie with the turn's commit.
    case asked
    /// It is a tie, and is being stored where a restart of the daemon does not lose it. Then it is answered, and closed
    /// if its end came meanwhile: another tie has taken its place, or its tenure is over.
    case storing(endsThen: Bool)
    /// It is a tie, and serves nothing else.
    case tied
}

/// One connection, as the engine knows it.
///
/// It belongs to the engine and is touched only from its isolation. A command that is answered later holds up those
/// after it: the session is *waiting*, its bytes stay unparsed, and its socket is not read.
final class Session {
    let id: SessionID
    let channel: any Channel
    let peer: PeerCredentials
    /// The client, with the rights of the configuration in force.
    var caller: Caller
    let connectedAt: Moment

    /// The encoder of the replies, in the client's version of RESP.
    var encoder = RESPEncoder()
    /// The client's name (`CLIENT SETNAME`).
    var name: Label = .empty
    /// What the client library says about itself (`CLIENT SETINFO`).
    var attributes: [ClientAttribute: Label] = [:]

    /// Bytes that are not parsed yet.
    var input = ByteBuffer()
    var parser: RESPCommandParser
    var replies = ReplyBuffer()

    /// The bytes of messages among the replies.
    private var messageBytes = 0
    /// The channel's socket, for as long as the channel is active.
    private let descriptor: Int32?
    /// How many writes the channel has not finished.
    private var writesUnderWay = 0

    /// Whether its commands are being executed.
    var isProcessing = false
    /// Whether a command is being answered later.
    var isWaiting = false
    /// A command that is executed after the turn's commit, and before any later command.
    var keptCommand: Command?
    /// The session's place in a lease's line, if it waits for one.
    var wait: WaiterID?
    var tie = TieStage.none
    /// The tie's name in the descriptor store, if it is there.
    var storedTie: String?
    /// The waited grants whose tokens are among the unwritten replies.
    private(set) var undelivered: [(name: LeaseName, fence: Token)] = []
    /// Length of the replies up to and including the last undelivered token.
    private var undeliveredEnd = 0
    /// Whether the client has closed its writing side.
    var isInputClosed = false
    /// Whether the connection closes once its replies have been written.
    var isEnding = false
    var isClosing = false
    /// Whether commands were left for a later turn.
    var isCut = false
    /// Whether the session continues in the next turn.
    var isDeferred = false
    var isReading = true
    /// Whether the session is among those with something to write at the end of the turn.
    var isInTurn = false
    /// The last turn in which the session has sent something.
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

    /// How many commands the session has executed in this turn; long ones count as several.
    var turnCommands = 0
    /// What the session may do in this turn.
    var share = TurnLoad.wholeShare

    /// Whether the session has used its share of the turn: its other commands are left for a later one.
    var hasStopped: Bool { turnCommands >= share.commands || replies.size >= share.replyBytes }

    /// The socket of a session that is cut is read as long as fewer bytes than this are unparsed.
    private static let readAhead = 64 << 10

    /// Whether the client reads what it is sent; a channel that has nothing to write is not asked.
    private var isWritable: Bool { descriptor != nil && writesUnderWay == 0 || channel.isWritable }

    /// Whether commands were left for a later turn, and can be answered now.
    var hasMore: Bool {
        isCut && !isWaiting && !isEnding && isWritable
    }

    /// Whether the connection is a tie: nothing that arrives on it means anything.
    var isTie: Bool {
        switch tie {
        case .none, .asked: false
        case .storing, .tied: true
        }
    }

    /// Whether the connection has nothing more to say: it was ended, or the client has closed its writing side and
    /// everything that it sent is answered.
    var isOver: Bool {
        isEnding || (isInputClosed && !isWaiting && !isCut && !isDeferred && !isTie)
    }

    /// Whether the socket should be read: not if the client takes no replies, waits for one, or sends faster than its
    /// share of the turns allows.
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

    /// Replies with the token of a waited grant; the grant is lost if that cannot be written.
    func reply(waitedGrant name: LeaseName, fence: Token) {
        reply { $0.writeInteger(fence.rawValue, to: &$1) }
        undelivered.append((name, fence))
        undeliveredEnd = replies.size
    }

    /// Splits off the replies up to the last undelivered grant, with those grants; `nil` if there are none.
    ///
    /// They are written separately, so that a failure of later bytes does not look like an undelivered token.
    ///
    /// - Parameter bytes: All the replies.
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

    /// The most bytes that one read takes.
    static let readSize = 4 << 10

    /// Reads what the client has sent so far with recv(2), bypassing the channel.
    ///
    /// Replaces the buffer's contents; slices handed out earlier stay valid. Reads at most ``readSize`` bytes. End of
    /// stream and errors are left for the channel to report.
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
        /// It sends no more, but still reads.
        case writing
        case both
    }

    /// What the client has closed, according to the socket: the loop may not have seen it yet (poll(2), unix(7)).
    var closedSides: ClosedSides {
        // Once the channel is inactive, the loop has seen it.
        guard let descriptor, channel.isActive else { return .none }
        return switch clinux_hang_up(descriptor) {
        case CLINUX_CLOSED: .both
        case CLINUX_WRITING_CLOSED: .writing
        default: .none
        }
    }

    /// Whether the tenures attached to the connection are lost, according to the socket.
    ///
    /// They are if the client has closed its end, or its writing side, and has sent no command that is still to be
    /// executed. The writing side of a tie means nothing.
    var hasHungUp: Bool {
        let closed = closedSides
        guard closed != .none, let descriptor else { return false }
        // Commands after one that is answered later, or after a cut, are lost with the connection.
        if isTie || closed == .both && (isWaiting || isCut) { return closed == .both }
        guard !isWaiting, !isCut, !isDeferred else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) <= 0
    }

    // MARK: - Writing

    /// Writes bytes after everything that was written before.
    ///
    /// The socket, which does not block, gets them with send(2). What it does not take is left to the channel, and so
    /// is everything later, until that is written; errors, too, are left for the channel to find.
    ///
    /// Returns `nil` if the socket has taken everything, otherwise the future of the rest.
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

    /// How much the client has yet to read, or `nil` if the socket has taken everything that was written.
    ///
    /// It shrinks as the client reads. What is in the socket counts, too, since the socket takes more only when most of
    /// that is gone.
    var unreadBytes: Int? {
        let unwritten = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        guard unwritten > 0 else { return nil }
        return unwritten + (descriptor.map { Int(clinux_unread_bytes($0)) } ?? 0)
    }

    private static func withDescriptor<Value>(of channel: any Channel, _ body: (Int32) -> Value) -> Value? {
        // Only channels of tests have no socket.
        try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self, body)
    }

    /// Another descriptor of the connection's socket, close-on-exec; the caller closes it.
    ///
    /// Returns `nil` if none can be made.
    func duplicateDescriptor() -> Int32? {
        let descriptor = Self.withDescriptor(of: channel) { fcntl($0, F_DUPFD_CLOEXEC, 3) }
        guard let descriptor, descriptor >= 0 else { return nil }
        return descriptor
    }

    // MARK: - Messages

    /// Adds a message after the replies so far; returns its size in bytes.
    func addMessage(_ write: (RESPEncoder, inout ByteBuffer) -> Void) -> Int {
        let size = replies.size
        reply(write)
        messageBytes += replies.size - size
        return replies.size - size
    }

    /// Takes the count of message bytes among the replies that are being written now.
    func takeMessageBytes() -> Int {
        defer { messageBytes = 0 }
        return messageBytes
    }
}
