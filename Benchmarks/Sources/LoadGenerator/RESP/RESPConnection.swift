import Glibc

/// A connection to a peer that speaks RESP: replies come in the order of the commands.
package final class RESPConnection<Dialect: RESPDialect>: PeerConnection {
    private let socket: UnixSocket
    private var dialect: Dialect
    private let output = OutputBuffer()
    private let reader = RESPReader()
    private var awaited: LaneQueue

    package var descriptor: Int32 { socket.descriptor }

    /// Connects, and awaits the replies to the dialect's preparation.
    package init(path: String, lanes: Int, dialect: Dialect) throws {
        self.dialect = dialect
        awaited = LaneQueue(capacity: lanes)
        socket = try UnixSocket(connectingTo: path)
        do {
            try prepare()
        } catch {
            socket.close()
            throw error
        }
    }

    package func enqueue(_ operation: Operation, lane: Int, name: Int) {
        awaited.append(operation, lane: lane)
        dialect.append(operation, lane: lane, name: name, to: output)
    }

    package func flush() throws {
        try socket.write(output)
    }

    package func receive(_ answered: (_ lane: Int) throws -> Void) throws {
        try reader.fill(from: socket)
        while let reply = try reader.next() {
            guard let (operation, lane) = awaited.removeFirst() else {
                throw LoadError("the peer sent a reply that nothing was asked for: \(reply)")
            }
            try dialect.take(reply, to: operation, lane: lane)
            try answered(lane)
        }
    }

    package func close() {
        socket.close()
    }

    private func prepare() throws {
        for command in dialect.preparation {
            output.append(RESPCommand.bytes(command))
        }
        try flush()
        var replies: [RESPReply] = []
        while replies.count < dialect.preparation.count {
            try socket.wait(for: POLLIN, milliseconds: 30_000)
            try reader.fill(from: socket)
            while let reply = try reader.next() {
                replies.append(reply)
            }
        }
        try dialect.prepared(replies)
    }
}
